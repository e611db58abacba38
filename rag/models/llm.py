"""A name in `Settings` → llama-index `LLM`, and its replies as text, every failure a `ModelError`."""

import gc
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Thread
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, TypeAlias

from rag.errors import ConfigError, ModelError
from rag.schema import Exchange
from rag.settings import Settings

if TYPE_CHECKING:
    from llama_index.core.base.llms.types import ChatMessage, ChatResponse
    from llama_index.core.llms import LLM

Count: TypeAlias = Callable[[str], int]  # text → tokens
Usage: TypeAlias = tuple[int, int]  # tokens read and written, as a server tells them

_OLLAMA_URL = "http://127.0.0.1:11434"  # where `ollama serve` listens unless told otherwise
_NO_KEY = "none"  # the OpenAI client wants some key, and without one would take OPENAI_API_KEY from the environment
_RETRIES = 0  # of the clients: they would wait for a silent server again and again
_WAITS = (0.5, 2.0)  # seconds before the second and third try of a server that turned the first away
_LONGEST_WAIT = 10.0  # seconds; a server that asks for more by Retry-After is not waited for
_TURNED_AWAY = frozenset((429, 503, 529))  # too many requests; loading, or overloaded; Anthropic's word for that
_WHOLE = 10  # times the wait for the next words: how long a whole reply may take
_LONGEST_TOKEN = 16  # characters on average; English has 4 to 5
_SMALL = 1_000_000_000  # weights
_MESSAGE = 300  # characters of a server's own words that are shown
_USAGE = (
    "stream_options"  # by which an OpenAI-like server is asked for its count of tokens; Mistral's refuses it, HTTP 422
)
_NAMES_OF_USAGE = (("prompt_tokens", "completion_tokens"), ("input_tokens", "output_tokens"))  # the second Anthropic's

# Of SmolLM2's tokenizer, which cuts finer than those of larger models: English has 4 to 5 letters to a token, numbers
# one digit, a table's marks one each, Chinese and emoji 1.4 to 1.7 bytes.
_LETTERS = re.compile(r"[A-Za-z ]+")
_LETTERS_PER_TOKEN = 3.0
_BYTES_PER_TOKEN = 1.4

_SILENT = "The language model said nothing for too long. Is it still loading? RAG_LLM_TIMEOUT sets the wait."
_BROKE_OFF = "The language model's server broke off in the middle of the reply. Ask again."
_ENDLESS = "The language model did not come to an end. RAG_LLM_REPLY and RAG_LLM_TIMEOUT set how much it may write."
_MISREAD = (ValueError, TypeError, LookupError, AttributeError, NameError)  # of a client that reads what it cannot
_FOREIGN = (
    "The language model's server answered in a format that is not its protocol's."
    " Does RAG_LLM name what it speaks, and RAG_LLM_URL the whole address?"
)


def language_model(settings: Settings) -> "LLM":
    """The language model that settings name. Raises ConfigError for a missing setting, ModelError for a package."""
    if settings.llm == "none":
        raise ConfigError("No language model is set. Set RAG_LLM to openai-like, ollama, anthropic or gguf.")
    if settings.llm_url and not settings.llm_url.startswith(("http://", "https://")):
        raise ConfigError(f"RAG_LLM_URL is {settings.llm_url}. Begin it with http:// or https://.")
    makers = {"openai-like": _openai_like, "ollama": _ollama, "anthropic": _anthropic, "gguf": _gguf}
    try:
        return makers[settings.llm](settings)
    except ImportError as error:
        raise ModelError(
            f"RAG_LLM={settings.llm} needs the package {error.name}."
            " Install it: pip install -e '.[llm]' -c constraints.txt"
        ) from error


def replies(
    llm: "LLM",
    system: str,
    user: str,
    *,
    reply: int = 400,
    timeout: float = 60.0,
    heard: list[Exchange] | None = None,
) -> Iterator[str]:
    """The reply so far, each time it grows; what was asked, said and counted is added to `heard` at the end.

    A server that turns a request away is asked again, as long as no word was said. Raises ModelError if the model
    cannot be reached, fails, breaks off, says nothing for `timeout` seconds, or does not end within ten times that
    or within about `reply` tokens.
    """
    from llama_index.core.base.llms.types import ChatMessage, MessageRole

    messages = [ChatMessage(role=MessageRole.SYSTEM, content=system), ChatMessage(role=MessageRole.USER, content=user)]
    text = failure = ""
    usage: Usage | None = None
    try:
        for said, told in _tried(llm, messages, timeout):
            usage = told
            if len(said) > reply * _LONGEST_TOKEN:
                raise ModelError(_ENDLESS)
            if said != text:
                text = said
                yield text
    except ModelError as error:
        failure = str(error)
        raise
    finally:
        if heard is not None:
            heard.append(_exchange(llm, Exchange(system, user, text, failure), usage))


def counter(llm: "LLM") -> Count:
    """How a model's tokens are counted: by its own tokenizer where it runs in this process, else estimated."""
    from rag.models.gguf import GgufLLM

    return llm.count if isinstance(llm, GgufLLM) else estimated


def small(llm: "LLM") -> bool:
    """True for a model that runs in this process and has fewer than a billion weights.

    Such models write fluently of what stands beside the answer: of SmolLM2's 135 million, see eval/LOG.md.
    """
    from rag.models.gguf import GgufLLM

    return isinstance(llm, GgufLLM) and 0 < llm.parameters < _SMALL


def estimated(text: str) -> int:
    """About how many tokens a text is, rather too many: no protocol tells, and each model cuts in its own way."""
    letters = sum(len(run) for run in _LETTERS.findall(text))
    others = _LETTERS.sub("", text)
    signs = sum(character.isascii() for character in others)
    foreign = len(others.encode(errors="replace")) - signs
    return int(letters / _LETTERS_PER_TOKEN + signs + foreign / _BYTES_PER_TOKEN) + 1


def _exchange(llm: "LLM", exchange: Exchange, usage: Usage | None) -> Exchange:
    """The exchange with its tokens: as the server told them, else of the texts alone, without the chat template's."""
    if usage is not None:
        return replace(exchange, tokens_read=usage[0], tokens_written=usage[1], tokens_are="counted")
    count = estimated if exchange.failure else counter(llm)  # what has failed is asked nothing more
    turned_away = exchange.failure and not exchange.reply
    return replace(
        exchange,
        tokens_read=0 if turned_away else count(exchange.system) + count(exchange.user),
        tokens_written=count(exchange.reply) if exchange.reply else 0,
        tokens_are="estimated" if count is estimated else "counted",
    )


def _tried(llm: "LLM", messages: Sequence["ChatMessage"], timeout: float) -> Iterator[tuple[str, Usage | None]]:
    waits, text = iter(_WAITS), ""
    while True:
        try:
            for text, usage in _growing(llm, messages, timeout):
                yield text, usage
            return
        except Exception as error:  # the clients of three servers share no base class of errors
            if _USAGE in str(error) and getattr(llm, "additional_kwargs", {}).pop(_USAGE, None):
                continue
            wait = None if text else _wait(error, next(waits, None))
            if wait is None:
                raise error if isinstance(error, ModelError) else ModelError(_explain(error)) from error
        sleep(wait)


def _growing(llm: "LLM", messages: Sequence["ChatMessage"], timeout: float) -> Iterator[tuple[str, Usage | None]]:
    text, ended, any_read = "", None, False
    usage: Usage | None = None
    for response in _read(llm, messages, timeout):
        any_read = True
        told = _ended(response.raw)
        ended = ended if told is None else told
        text += response.delta or ""  # llama-index-llms-anthropic 0.12 leaves message.content empty until the end
        usage = _usage(response.raw) or usage  # mostly told after the last word
        yield text, usage
    if ended is False:
        raise ModelError(_BROKE_OFF)
    if not any_read:
        raise ModelError(_FOREIGN)


def _read(llm: "LLM", messages: Sequence["ChatMessage"], timeout: float) -> Iterator["ChatResponse"]:
    """What a client reads, piece by piece. In a thread: every byte starts a client's own wait anew, also a byte that
    says nothing, such as those by which a busy server keeps the connection open."""
    pieces: SimpleQueue[ChatResponse | Exception | None] = SimpleQueue()
    left = Event()
    Thread(target=_fill, args=(llm, messages, pieces, left), daemon=True).start()
    end = monotonic() + _WHOLE * timeout
    try:
        while (piece := pieces.get(timeout=timeout)) is not None:
            if isinstance(piece, Exception):
                raise piece
            if monotonic() > end:
                raise ModelError(_ENDLESS)
            yield piece
    except Empty as error:
        raise ModelError(_SILENT) from error
    finally:
        left.set()


def _fill(
    llm: "LLM",
    messages: Sequence["ChatMessage"],
    pieces: "SimpleQueue[ChatResponse | Exception | None]",
    left: Event,
) -> None:
    try:
        for piece in llm.stream_chat(messages):
            if left.is_set():
                break
            pieces.put(piece)
        else:
            pieces.put(None)
            return
        gc.collect()  # a stream of OpenAI's or Anthropic's client holds itself: its server would go on writing
    except Exception as error:  # a thread's exception would be printed and lost; whoever reads the queue raises it
        pieces.put(error)


def _wait(error: Exception, wait: float | None) -> float | None:
    """Seconds until another try may do better; None where it will not, or there was the last."""
    if wait is None or not (_refused(error) or getattr(error, "status_code", None) in _TURNED_AWAY):
        return None
    told = getattr(getattr(error, "response", None), "headers", {}).get("retry-after", "")
    wait = max(wait, float(told)) if told.isdecimal() else wait
    return wait if wait <= _LONGEST_WAIT else None


def _openai_like(settings: Settings) -> "LLM":
    _need(settings, "llm_url", "the server's address, such as http://127.0.0.1:8080/v1")
    _need(settings, "llm_model", "the model's name on the server")
    from llama_index.llms.openai_like import OpenAILike

    llm: LLM = OpenAILike(
        model=settings.llm_model,
        api_base=settings.llm_url,
        api_key=settings.llm_key.get_secret_value() or _NO_KEY,
        is_chat_model=True,
        context_window=settings.llm_context,
        max_tokens=settings.llm_reply,
        temperature=0,
        timeout=settings.llm_timeout,
        max_retries=_RETRIES,
        additional_kwargs={_USAGE: {"include_usage": True}},
    )
    return llm


def _ollama(settings: Settings) -> "LLM":
    _need(settings, "llm_model", "the name of a model that `ollama list` shows")
    from llama_index.llms.ollama import Ollama

    key = settings.llm_key.get_secret_value()
    llm: LLM = Ollama(
        model=settings.llm_model,
        base_url=settings.llm_url or _OLLAMA_URL,
        temperature=0,
        context_window=settings.llm_context,
        request_timeout=settings.llm_timeout,
        additional_kwargs={"num_predict": settings.llm_reply},
        headers={"Authorization": f"Bearer {key}"} if key else None,
    )
    return llm


def _anthropic(settings: Settings) -> "LLM":
    _need(settings, "llm_model", "the model's name")
    _need(settings, "llm_key", "an API key")
    from llama_index.core.base.llms.types import LLMMetadata
    from llama_index.llms.anthropic import Anthropic

    class AnyModel(Anthropic):
        """llama-index-llms-anthropic 0.12 raises ValueError for the name of a model that is newer than itself."""

        @property
        def metadata(self) -> LLMMetadata:
            return LLMMetadata(context_window=settings.llm_context, is_chat_model=True, model_name=self.model)

    llm: LLM = AnyModel(
        model=settings.llm_model,
        base_url=settings.llm_url or None,
        api_key=settings.llm_key.get_secret_value(),  # type: ignore[call-arg]  # mypy does not see Anthropic's __init__
        max_tokens=settings.llm_reply,
        temperature=0,
        timeout=settings.llm_timeout,
        max_retries=_RETRIES,
    )
    return llm


def _gguf(settings: Settings) -> "LLM":
    _need(settings, "llm_model", "the path of a .gguf file")
    path = Path(settings.llm_model).expanduser()
    if not path.is_file():
        raise ConfigError(f"No file at {path}. Set RAG_LLM_MODEL to the path of a .gguf file.")
    from rag.models.gguf import GgufLLM

    return GgufLLM.load(
        path, context_window=settings.llm_context, max_tokens=settings.llm_reply, timeout=settings.llm_timeout
    )


def _need(settings: Settings, name: str, what: str) -> None:
    value = settings.llm_key.get_secret_value() if name == "llm_key" else getattr(settings, name)
    if not value:
        raise ConfigError(f"RAG_LLM={settings.llm} needs RAG_{name.upper()}: {what}.")


def _ended(raw: Any) -> bool | None:
    """Whether the reply is complete, from the chunk a client read last; None where the chunk does not tell.

    A server that dies closes the connection, and without a chunked encoding that looks like the end.
    """
    if isinstance(raw, dict):
        done: bool | None = raw.get("done")  # Ollama
        return raw["type"] == "message_delta" if "type" in raw else done  # Anthropic: the reason why it stopped
    choices = getattr(raw, "choices", None)  # OpenAI
    return bool(choices[0].finish_reason) if choices else None


def _usage(raw: Any) -> Usage | None:
    """The tokens that the chunk a client read last tells of; None where it does not tell both."""
    usage = _field(raw, "usage")
    for names in _NAMES_OF_USAGE:
        read, written = (_field(usage, name) for name in names)
        if isinstance(read, int) and isinstance(written, int):
            return read, written
    return None


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else getattr(value, name, None)


def _explain(error: Exception) -> str:
    """One line for the person who asked, from the first cause that says what happened."""
    names = _kinds(error)
    status = getattr(error, "status_code", -1)
    said = " ".join(str(error).split())[:_MESSAGE]
    if isinstance(status, int) and status > 0:
        return f"The language model's server answered HTTP {status}: {said}"
    if "Timeout" in names:
        return _SILENT
    if _refused(error):
        return "The language model's server cannot be reached. Is it running at the address in RAG_LLM_URL?"
    if "Protocol" in names or "ReadError" in names:
        return _BROKE_OFF
    if isinstance(error, _MISREAD):
        return _FOREIGN
    return f"The language model failed: {type(error).__name__}: {said}"


def _refused(error: Exception) -> bool:
    names = _kinds(error)
    return "Protocol" not in names and any(
        name in names for name in ("ConnectError", "ConnectionError", "ConnectionRefused")
    )


def _kinds(error: Exception) -> str:
    return " ".join(type(cause).__name__ for cause in _causes(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
