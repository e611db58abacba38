// Runs once, as the list's `js_on_load`: questions are decided on, edited where they stand, added and taken along.
// Gradio draws the list anew around what stands in it, so the form that is open is put back into its place each time.

const blank = document.querySelector("#review-form template").content.querySelector("form");
let form = null; // the one that is open; `form.dataset.key` is its question's, empty for a new one
let held = null; // what had the focus in it
let sent = null; // what the server was asked last: its number, key, and place in the list
let left = null; // the quote whose document was opened
let number = 0;

const root = () => element.querySelector(".review");
const cards = () => [...element.querySelectorAll(".card")];
const cardOf = (key) => cards().find((card) => card.dataset.key === key);
const lines = (text) => text.split("\n").filter((line) => line.trim());

function place() {
  if (!form) return;
  const home = form.dataset.key ? cardOf(form.dataset.key) : element.querySelector(".adding");
  if (!home) return close();
  for (const card of cards()) card.classList.toggle("edited", card === home);
  if (form.parentElement !== home) {
    const focused = held;
    home.append(form);
    focused?.focus({ preventScroll: true });
  }
}

function close() {
  form?.remove();
  form = held = null;
  for (const card of cards()) card.classList.remove("edited");
}

function drawKind() {
  const { unanswerable, kind, earlier } = form.elements;
  const answered = !unanswerable.checked;
  form.querySelector(".answered").hidden = form.querySelector(".kinds").hidden = !answered;
  form.querySelector(".before").hidden = !earlier.value && !(answered && kind.value === "follow_up");
}

function addPlace({ document_id = "", words = "", part = "" } = {}) {
  const fields = blank.querySelector(".place").cloneNode(true);
  fields.querySelector("[name=document]").value = document_id;
  fields.querySelector("[name=words]").value = words;
  fields.querySelector("[name=part]").value = part;
  form.querySelector(".places").append(fields);
  return fields;
}

function fill(wording) {
  const { question, unanswerable, reference, accept, earlier, kind, split } = form.elements;
  question.value = wording.question ?? "";
  unanswerable.checked = wording.kind === "unanswerable";
  reference.value = wording.reference ?? "";
  accept.value = (wording.accept ?? []).map((phrases) => phrases.join(" + ")).join("\n");
  earlier.value = (wording.earlier ?? []).join("\n");
  kind.value = wording.kind || "single_fact";
  if (kind.selectedIndex < 0) kind.value = "single_fact";
  split.value = wording.split || "dev";
  form.querySelector(".places").replaceChildren();
  for (const quote of wording.quotes?.length ? wording.quotes : [{}]) addPlace(quote);
}

function open(key) {
  close();
  const card = cardOf(key);
  form = blank.cloneNode(true);
  form.noValidate = true; // what is missing is told by the server, for all fields together
  form.dataset.key = key;
  form.setAttribute("aria-label", key ? "Edit the question" : "Add a question");
  fill(card ? JSON.parse(card.dataset.wording) : {});
  if (root().querySelector('[data-state="accepted"][aria-pressed="true"]') && key) {
    form.querySelector("[type=submit]").textContent = "Save";
  }
  form.addEventListener("focusin", ({ target }) => (held = target));
  form.addEventListener("change", drawKind);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask("accept", key, { wording: read() });
  });
  form.addEventListener("click", ({ target }) => {
    if (target.matches(".another")) addPlace().querySelector("input").focus();
    if (target.matches(".cancel")) leave();
  });
  drawKind();
  place();
  form.elements.question.focus();
}

function leave() {
  const key = form.dataset.key;
  close();
  (key ? cardOf(key)?.querySelector("[data-act=edit]") : element.querySelector("[data-act=add]"))?.focus();
}

function read() {
  const { question, unanswerable, reference, accept, earlier, kind, split } = form.elements;
  return {
    question: question.value,
    kind: unanswerable.checked ? "unanswerable" : kind.value,
    split: split.value,
    reference: reference.value,
    accept: lines(accept.value).map((line) => line.split(" + ")),
    earlier: lines(earlier.value),
    quotes: [...form.querySelectorAll(".place")].map((fields) => ({
      document_id: fields.querySelector("[name=document]").value,
      words: fields.querySelector("[name=words]").value,
      part: fields.querySelector("[name=part]").value,
    })),
  };
}

function ask(what, key, more = {}) {
  sent = { number: String(++number), key, what, at: cards().findIndex((card) => card.dataset.key === key) };
  trigger(what, { key, reply: sent.number, ...more });
}

// The focus goes where the same thing can be done to the next question.
function goOn({ what, at, key }) {
  const next = cardOf(key) ?? cards()[Math.max(0, Math.min(at, cards().length - 1))];
  const button = next?.querySelector(`[data-act=${what}]`) ?? next?.querySelector("[data-act]");
  (button ?? element.querySelector('[data-state][aria-pressed="true"]'))?.focus({ preventScroll: !next });
}

function refuse(key, why) {
  if (form?.dataset.key !== key) open(key);
  if (form) form.querySelector(".error").textContent = why;
}

function drawn() {
  const list = root();
  const asked = list && sent?.number === list.dataset.reply ? sent : null;
  if (asked) sent = null;
  if (asked && list.dataset.refused) refuse(asked.key, list.dataset.refused);
  else if (asked) {
    if (form?.dataset.key === asked.key) close();
    goOn(asked);
  }
  place();
}

async function download() {
  const text = await server.questions();
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/jsonl" }));
  link.download = "questions.jsonl";
  link.click();
  URL.revokeObjectURL(link.href);
}

const tools = { add: () => open(""), download, suggest: () => trigger("suggest") };
const decisions = ["accept", "reject", "back"]; // in quotes: Gradio takes the names of events from here

function act(what, key) {
  if (what === "edit") open(key);
  else if (decisions.includes(what)) ask(what, key);
}

element.addEventListener("click", ({ target }) => {
  const button = target.closest?.("button");
  const { act: what, state, offset, key } = button?.dataset ?? {};
  if (button?.matches(".quote")) left = button;
  if (state) trigger("turn", { state, offset: 0 });
  else if (offset) trigger("turn", { offset: Number(offset) });
  else if (tools[what]) tools[what]();
  else if (what) act(what, key ?? button.closest(".card").dataset.key);
});

// Keys, where nothing is being typed and a question has the focus. The page's help lists them.
const keys = { a: "accept", e: "edit", r: "reject" };

element.addEventListener("keydown", (event) => {
  const { key, target } = event;
  if (key === "Escape" && form?.contains(target)) {
    event.stopPropagation(); // it would close a document that is open
    return leave();
  }
  if (event.ctrlKey || event.metaKey || event.altKey || target.closest("input, textarea, select")) return;
  const card = target.closest(".card");
  if (keys[key] && card?.querySelector(`[data-act=${keys[key]}]`)) act(keys[key], card.dataset.key);
});

// The reader gives the focus back when it is closed, but this tab is shown only after that.
document.addEventListener("rag:close", () => {
  requestAnimationFrame(() => {
    if (document.activeElement === document.body && element.offsetParent) left?.focus();
  });
});

watch("value", drawn);
