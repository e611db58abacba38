// Runs once, as the conversation's `js_on_load`: Gradio hands it `element`, the conversation, `trigger` and `watch`.

const pane = element.closest("#conversation");
const judged = new Map(); // "turn verdict" of what this person said of the answers shown; drawn anew with each answer

function tell(words) {
  document.querySelector("#notice [role=status]").textContent = words;
}

function copy(text, done) {
  if (!navigator.clipboard) return tell("This browser lets nothing be copied from a page without HTTPS.");
  navigator.clipboard.writeText(text).then(() => tell(done), () => tell("The browser did not allow it."));
}

// An answer as plain text, with its markers in brackets and the quotes below.
function plain(answer) {
  const claims = answer.querySelector(".claims").cloneNode(true);
  claims.querySelectorAll(".citation").forEach((marker) => marker.replaceWith(`[${marker.textContent}]`));
  const quotes = new Map();
  answer.querySelectorAll(".citation").forEach((marker) => quotes.set(marker.textContent, marker.dataset.tip));
  return [claims.textContent.trim(), ...[...quotes].map(([number, quote]) => `[${number}] ${quote}`)].join("\n");
}

function linkTo(question) {
  const address = new URL(location.href);
  address.search = "";
  address.hash = "";
  address.searchParams.set("q", question);
  return address.href;
}

// What each button below an answer does; `judge` is for the three verdicts.
const acts = {
  copy: (turn) => copy(plain(turn.querySelector(".answer")), "Answer copied."),
  link: (turn) => copy(linkTo(turn.querySelector(".question").textContent), "Link copied."),
  why: (turn) => {
    document.dispatchEvent(new CustomEvent("rag:why"));
    trigger("why", { turn: turn.dataset.turn });
  },
  again: () => trigger("again"),
  edit: () => {
    trigger("edit");
    document.querySelector("#question textarea").focus();
  },
};

function judge(turn, verdict) {
  for (const key of judged.keys()) if (key.startsWith(`${turn.dataset.turn} `)) judged.delete(key);
  judged.set(`${turn.dataset.turn} ${verdict}`, true);
  drawJudged();
  trigger("judge", { turn: turn.dataset.turn, verdict, note: "" });
  turn.querySelector(".remark")?.remove();
  if (verdict !== "right") turn.querySelector(".answer").append(remark(turn, verdict));
}

// A line for what was wrong; it may stay empty, the verdict is kept already.
function remark(turn, verdict) {
  const form = document.createElement("form");
  form.className = "remark";
  const line = document.createElement("input");
  line.setAttribute("aria-label", "What was wrong?");
  line.placeholder = "What was wrong? (optional)";
  line.maxLength = 2000;
  const save = document.createElement("button");
  save.textContent = "Add note";
  form.append(line, save);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (line.value.trim()) trigger("judge", { turn: turn.dataset.turn, verdict, note: line.value.trim() });
    form.remove();
    turn.querySelector(`[data-act="${verdict}"]`)?.focus();
  });
  return form;
}

function drawJudged() {
  element.querySelectorAll("[aria-pressed]").forEach((button) => {
    const turn = button.closest(".turn").dataset.turn;
    button.setAttribute("aria-pressed", String(judged.has(`${turn} ${button.dataset.act}`)));
  });
}

element.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-act]");
  const turn = button?.closest(".turn");
  if (!button) return;
  if (button.hasAttribute("aria-pressed")) judge(turn, button.dataset.act);
  else acts[button.dataset.act](turn);
});

document.addEventListener("click", ({ target }) => {
  const button = target.closest?.("[data-ask]");
  if (button) trigger("pose", { question: button.dataset.ask });
});

// A new question goes to the top; its answer then grows below it and nothing has to move.
let turnsShown = 0;

watch("value", () => {
  const turns = element.querySelectorAll(".turn");
  if (turns.length > turnsShown) {
    pane.scrollTop += turns[turns.length - 1].getBoundingClientRect().top - pane.getBoundingClientRect().top;
  }
  if (turns.length < turnsShown) judged.clear();
  turnsShown = turns.length;
  drawJudged();
});

// A link that asks: ?q=...
const linked = new URL(location.href).searchParams.get("q");
if (linked) {
  const address = new URL(location.href);
  address.searchParams.delete("q"); // loaded again, the page shows the conversation and does not ask once more
  history.replaceState(null, "", address);
  trigger("pose", { question: linked.slice(0, 2000) });
}

// Keys, where nothing is being typed. They are listed by `?`.
const help = () => document.querySelector("#help dialog");
const keys = {
  "?": () => help().showModal(),
  "/": () => document.querySelector("#question textarea").focus(),
  n: () => document.dispatchEvent(new CustomEvent("rag:step", { detail: 1 })),
  p: () => document.dispatchEvent(new CustomEvent("rag:step", { detail: -1 })),
  f: () => document.dispatchEvent(new CustomEvent("rag:find")),
};

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !help().open) return document.dispatchEvent(new CustomEvent("rag:close"));
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, [role=listbox]")) return;
  if (!keys[event.key] || help().open) return;
  event.preventDefault();
  keys[event.key]();
});
document.addEventListener("click", ({ target }) => {
  if (target.closest?.("#help .show")) help().showModal();
  else if (target.closest?.("#help .close") || target === help()) help().close();
});
