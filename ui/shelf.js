// Runs once, as the shelf's `js_on_load`: conversations in this browser's own store, named, searched, taken along.
// The server hands over each conversation as it grows (`props.value`, JSON), and gets one back to show it again.

const PREFIX = "rag.conversation.";
const OPEN = "rag.open"; // of this window: which conversation is shown

function load(id) {
  try {
    return JSON.parse(localStorage.getItem(PREFIX + id));
  } catch {
    return null;
  }
}

function all() {
  const ids = Object.keys(localStorage).filter((key) => key.startsWith(PREFIX)).map((key) => key.slice(PREFIX.length));
  const talks = ids.map((id) => ({ id, ...load(id) })).filter((talk) => Array.isArray(talk.turns));
  return talks.sort((one, other) => other.at - one.at);
}

// Where the store is full, the oldest makes room.
function save(id, talk) {
  for (;;) {
    try {
      return localStorage.setItem(PREFIX + id, JSON.stringify(talk));
    } catch {
      const oldest = all().filter((other) => other.id !== id).pop();
      if (!oldest) return;
      localStorage.removeItem(PREFIX + oldest.id);
    }
  }
}

const current = () => sessionStorage.getItem(OPEN);

function open(id) {
  const talk = load(id);
  if (!talk) return begin();
  sessionStorage.setItem(OPEN, id);
  document.dispatchEvent(new CustomEvent("rag:fresh"));
  trigger("restore", { turns: JSON.stringify(talk.turns) });
  draw();
}

function begin() {
  sessionStorage.removeItem(OPEN);
  document.dispatchEvent(new CustomEvent("rag:fresh"));
  draw();
}

function button(name, text, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.setAttribute("aria-label", name);
  made.addEventListener("click", act);
  return made;
}

function row(talk) {
  const line = document.createElement("li");
  const opening = button(`Open: ${talk.name}`, talk.name, () => open(talk.id));
  opening.className = "talk";
  opening.title = new Date(talk.at).toLocaleString();
  if (talk.id === current()) opening.setAttribute("aria-current", "true");
  const rename = button(`Rename: ${talk.name}`, "✎", () => line.replaceChildren(naming(talk)));
  const remove = button(`Delete: ${talk.name}`, "×", () => {
    if (!remove.dataset.sure) {
      remove.dataset.sure = "yes";
      remove.textContent = "Delete?";
      return;
    }
    localStorage.removeItem(PREFIX + talk.id);
    if (talk.id === current()) trigger("fresh");
    else draw();
  });
  remove.addEventListener("blur", () => {
    delete remove.dataset.sure;
    remove.textContent = "×";
  });
  line.append(opening, rename, remove);
  return line;
}

function naming(talk) {
  const box = document.createElement("input");
  box.value = talk.name;
  box.maxLength = 200;
  box.setAttribute("aria-label", "Name of the conversation");
  const keep = () => {
    const { id, ...rest } = talk;
    save(id, { ...rest, name: box.value.trim() || talk.name });
    draw();
  };
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter") keep();
    if (event.key === "Escape") draw();
  });
  box.addEventListener("blur", keep);
  queueMicrotask(() => box.select());
  return box;
}

let sought = "";

function draw() {
  const words = sought.toLowerCase();
  const holds = (talk) => JSON.stringify([talk.name, talk.markdown]).toLowerCase().includes(words);
  const talks = all().filter((talk) => !words || holds(talk));
  element.querySelector(".talks").replaceChildren(...talks.map(row));
  element.querySelector(".seek").value = sought;
  element.querySelector(".take").hidden = !load(current());
}

// The newest state of the conversation that is shown. An empty one is a new beginning.
watch("value", () => {
  if (!props.value) {
    if (turnsSeen) begin();
    turnsSeen = 0;
    return;
  }
  const { turns, markdown } = JSON.parse(props.value);
  turnsSeen = turns.length;
  const id = current() ?? crypto.randomUUID?.() ?? String(Math.random()).slice(2);
  const before = load(id);
  sessionStorage.setItem(OPEN, id);
  const isSame = before && JSON.stringify(before.turns) === JSON.stringify(turns);
  save(id, { name: before?.name ?? turns[0].question, at: isSame ? before.at : Date.now(), turns, markdown });
  draw();
});

function take(kind) {
  const talk = load(current());
  if (!talk) return;
  const { name, at, turns, markdown } = talk;
  const text = kind === "md" ? markdown : JSON.stringify({ name, at: new Date(at).toISOString(), turns }, null, 2);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: kind === "md" ? "text/markdown" : "application/json" }));
  link.download = `${name.replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 60) || "conversation"}.${kind}`;
  link.click();
  URL.revokeObjectURL(link.href);
}

element.addEventListener("click", ({ target }) => {
  if (target.closest(".fresh")) trigger("fresh");
  const taking = target.closest("[data-take]");
  if (taking) take(taking.dataset.take);
});
element.addEventListener("input", ({ target }) => {
  if (!target.matches(".seek")) return;
  sought = target.value;
  draw();
});

let turnsSeen = 0;
if (new URL(location.href).searchParams.get("q")) sessionStorage.removeItem(OPEN); // a link begins a conversation
open(current());
