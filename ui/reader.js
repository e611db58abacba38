// Runs once, as the reader's `js_on_load`: the document behind a citation, open at its words.

const aside = document.querySelector("#aside");
const view = element.querySelector(".document");
const box = element.querySelector("[type=search]");
const calm = matchMedia("(prefers-reduced-motion: reduce)");
let origin = null; // what was clicked; focus goes back to it
let shown = { id: "", marks: [], key: "", at: "" }; // what the view holds
let steps = []; // the markers of the answer that the citation belongs to
let latest = 0; // a slower reply must not replace a newer one

function show(what) {
  aside.dataset.shows = what;
}

// The tab that an element lies in; Gradio names its button after it.
const roomOf = (part) => part.closest("#rooms > [role=tabpanel]")?.id;
const enter = (room) => document.getElementById(`${room}-button`)?.click();

function close() {
  if (!aside.dataset.shows) return;
  delete aside.dataset.shows;
  view.replaceChildren(); // pictures that are still to come are not waited for, and nothing stays of what may be removed
  if (origin?.isConnected && roomOf(origin) !== roomOf(aside)) enter(roomOf(origin));
  const again = origin?.isConnected ? origin : document.querySelector(`.citation[data-cite="${shown.key}"]`);
  requestAnimationFrame(() => again?.focus()); // another tab is shown a moment after it is asked for
}

function address(options) {
  const asked = new URLSearchParams(options);
  for (const mark of shown.marks) asked.append("mark", mark);
  const path = shown.id.split("/").map(encodeURIComponent).join("/");
  return new URL(`source/${path}?${asked}`, document.baseURI);
}

async function fetchDocument(options = {}) {
  const mine = ++latest;
  view.setAttribute("aria-busy", "true");
  let words = "";
  try {
    const reply = await fetch(address(options));
    if (!reply.headers.get("Content-Type").startsWith("text/html")) throw new Error(reply.statusText);
    words = await reply.text();
  } catch {
    words = '<p class="error">The document cannot be shown. Is the server still running?</p>';
  }
  if (mine !== latest) return;
  view.removeAttribute("aria-busy");
  view.innerHTML = words; // cleaned by the server; the page's policy keeps it from running or loading anything else
  clearFound();
  bring(shown.key);
  if (box.value && showing() === "text") find();
}

function bring(key) {
  view.querySelectorAll(".current").forEach((old) => old.classList.remove("current"));
  const words = key ? [...view.querySelectorAll(`[data-cited~="${CSS.escape(key)}"]`)] : [];
  words.forEach((piece) => piece.classList.add("current"));
  if (words.length) words[0].scrollIntoView({ block: "center", behavior: calm.matches ? "auto" : "smooth" });
  else view.scrollTop = 0;
}

// `button` names a document and a place in it; the other citations of its answer are marked too.
function open(button) {
  const key = button.dataset.cite ?? "place";
  origin = button;
  const markers = key === "place" ? [button] : citations(key);
  const id = button.dataset.document ?? button.dataset.open;
  const others = markers.filter((one) => one.dataset.document === id && one.dataset.place);
  const places = button.dataset.place ? [button, ...others] : []; // the first one is where a long document is opened
  const marks = [...new Set(places.map((one) => `${one.dataset.place}-${one.dataset.cite ?? "place"}`))].slice(0, 50);
  const isOpen = aside.dataset.shows === "document" && shown.id === id;
  steps = key === "place" ? [] : markers;
  shown = { id, marks, key };
  if (roomOf(button) !== roomOf(aside)) enter(roomOf(aside));
  show("document");
  drawSteps();
  if (isOpen && view.querySelector(`[data-cited~="${key}"]`)) bring(key);
  else fetchDocument();
  view.focus({ preventScroll: true });
}

// The markers of the answer that a citation is of, each once, in their order.
function citations(key) {
  const turn = key.split("c")[0];
  const found = [...document.querySelectorAll(`.citation[data-cite^="${turn}c"]`)];
  return [...new Map(found.map((marker) => [marker.dataset.cite, marker])).values()];
}

function step(by) {
  const at = steps.findIndex((marker) => marker.dataset.cite === shown.key);
  const next = steps[(at + by + steps.length) % steps.length];
  if (next) {
    open(next);
    origin = next;
  }
}

function drawSteps() {
  const at = steps.findIndex((marker) => marker.dataset.cite === shown.key);
  element.querySelector(".steps").hidden = steps.length < 2;
  element.querySelector(".at").textContent = at < 0 ? "" : `${at + 1} of ${steps.length}`;
}

// Searching: matches are highlighted by the browser, the document itself is not touched.
let found = [];
let current = -1;

function clearFound() {
  found = [];
  current = -1;
  CSS.highlights?.delete("found");
  CSS.highlights?.delete("found-now");
  element.querySelector(".found").textContent = "";
}

const showing = () => view.querySelector("article")?.dataset.showing ?? "text";

async function find() {
  if (showing() === "pages") await fetchDocument({ view: "text" }); // of a page there is a picture, and no words
  clearFound();
  const words = box.value.trim().toLowerCase();
  if (!words) return;
  const walker = document.createTreeWalker(view, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.data.toLowerCase();
    for (let at = text.indexOf(words); at >= 0; at = text.indexOf(words, at + words.length)) {
      const range = new Range();
      range.setStart(walker.currentNode, at);
      range.setEnd(walker.currentNode, Math.min(at + words.length, walker.currentNode.length));
      found.push(range);
    }
  }
  if (window.Highlight) CSS.highlights.set("found", new Highlight(...found));
  element.querySelector(".found").textContent = found.length ? "" : "none";
}

async function findNext(by) {
  if (!found.length) await find();
  if (!found.length) return;
  current = (current + by + found.length) % found.length;
  if (window.Highlight) CSS.highlights.set("found-now", new Highlight(found[current]));
  found[current].startContainer.parentElement.scrollIntoView({ block: "center" });
  element.querySelector(".found").textContent = `${current + 1} of ${found.length}`;
}

box.addEventListener("input", find);
element.querySelector(".find").addEventListener("submit", (event) => {
  event.preventDefault();
  findNext(1);
});

document.addEventListener("click", ({ target }) => {
  const button = target.closest?.("[data-document], [data-open]");
  if (button) open(button);
});
element.addEventListener("click", ({ target }) => {
  const button = target.closest("button");
  if (!button) return;
  if (button.matches(".back")) close();
  else if (button.dataset.step) step(Number(button.dataset.step));
  else if (button.dataset.view) fetchDocument({ view: button.dataset.view });
  else if (button.dataset.from) fetchDocument({ view: showing(), from: button.dataset.from });
});

document.addEventListener("rag:close", close);
document.addEventListener("rag:step", ({ detail }) => aside.dataset.shows === "document" && step(detail));
document.addEventListener("rag:find", () => aside.dataset.shows === "document" && box.focus());
document.addEventListener("rag:why", () => {
  origin = document.activeElement;
  show("trace");
});
document.addEventListener("rag:fresh", () => delete aside.dataset.shows);
