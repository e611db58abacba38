"""A name in `Settings` → llama-index `LLM`, and its replies as text, every failure a `ModelError`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.errors import ConfigError, ModelError
from rag.settings import Settings

if TYPE_CHECKING:
    from llama_index.core.llms import LLM

_OLLAMA_URL = "http://127.0.0.1:11434"  # where `ollama serve` listens unless told otherwise
_NO_KEY = "none"  # the OpenAI client wants some key, and without one would take OPENAI_API_KEY from the environment
_RETRIES = 0  # a silent server is reported after one timeout; the person asking can ask again
_MESSAGE = 300  # characters of a server's own words that are shown


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


def replies(llm: "LLM", system: str, user: str) -> Iterator[str]:
    """The reply so far, each time it grows. Raises ModelError if the model cannot be reached, fails or breaks off."""
    from llama_index.core.base.llms.types import ChatMessage, MessageRole

    messages = [ChatMessage(role=MessageRole.SYSTEM, content=system), ChatMessage(role=MessageRole.USER, content=user)]
    text = ""
    ended: bool | None = None
    try:
        for response in llm.stream_chat(messages):
            told = _ended(response.raw)
            ended = ended if told is None else told
            if response.delta:
                text += response.delta  # llama-index-llms-anthropic 0.12 leaves message.content empty until the end
                yield text
    except ModelError:
        raise
    except Exception as error:  # the clients of three servers share no base class of errors
        raise ModelError(_explain(error)) from error
    if ended is False:
        raise ModelError("The language model's server broke off in the middle of the reply. Ask again.")


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


def _explain(error: Exception) -> str:
    """One line for the person who asked, from the first cause that says what happened."""
    causes = list(_causes(error))
    names = " ".join(type(cause).__name__ for cause in causes)
    status = getattr(error, "status_code", -1)
    said = " ".join(str(error).split())[:_MESSAGE]
    if isinstance(status, int) and status > 0:
        return f"The language model's server answered HTTP {status}: {said}"
    if "Timeout" in names:
        return "The language model said nothing for too long. Is it still loading? RAG_LLM_TIMEOUT sets the wait."
    if (
        any(name in names for name in ("ConnectError", "ConnectionError", "ConnectionRefused"))
        and "Protocol" not in names
    ):
        return "The language model's server cannot be reached. Is it running at the address in RAG_LLM_URL?"
    if "Protocol" in names or "ReadError" in names:
        return "The language model's server broke off in the middle of the reply. Ask again."
    return f"The language model failed: {type(error).__name__}: {said}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
