// Runs once, as the conversation's `js_on_load`: Gradio hands it `element`, the conversation, and `watch`.

// A citation marker leads to its words among the sources, the number of a source back to its marker.
// Links with a fragment would do, but Gradio's <base> makes the browser load the page again when its address has a query.
let origin = null;

function bring(element) {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  element.scrollIntoView({ block: "center", behavior: calm ? "auto" : "smooth" });
}

function showWords(marker) {
  const words = document.querySelectorAll(`mark[data-cited~="${marker.dataset.cite}"]`);
  if (!words.length) return;
  origin = marker;
  document.querySelectorAll(".sources .current").forEach((old) => old.classList.remove("current"));
  const fold = words[0].closest("details");
  if (fold) fold.open = true;
  const card = words[0].closest("article");
  const number = card.querySelector(`[data-back="${marker.dataset.cite}"]`);
  [card, number, ...words].forEach((element) => element.classList.add("current"));
  number.focus({ preventScroll: true });
  bring(words[0]);
}

function goBack(number) {
  const key = number.dataset.back;
  const here = origin?.isConnected && origin.dataset.cite === key;
  const marker = here ? origin : document.querySelector(`[data-cite="${key}"]`);
  marker.focus({ preventScroll: true });
  bring(marker);
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest?.("[data-cite], [data-back]");
  if (button?.dataset.cite) showWords(button);
  else if (button) goBack(button);
});

// A new question goes to the top; its answer then grows below it and nothing has to move.
let turnsShown = 0;

watch("value", () => {
  const turns = element.querySelectorAll(".turn");
  if (turns.length > turnsShown) {
    const pane = element.closest("#conversation");
    pane.scrollTop += turns[turns.length - 1].getBoundingClientRect().top - pane.getBoundingClientRect().top;
  }
  turnsShown = turns.length;
});
