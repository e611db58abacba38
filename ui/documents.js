// Runs once, as the list's `js_on_load`: which documents are chosen, and what is to be done with them.
// Gradio keeps the elements when the list is drawn again, so what stands in a box is set anew each time.

const chosen = new Set(); // ids, also of other pages
const uploaded = new Set(); // those among them whose files would be deleted
let asking = false;

const boxes = () => [...element.querySelectorAll("input[data-id]")];
const counted = (number) => `${number} document${number === 1 ? "" : "s"}`;

function question() {
  const deleted = [...chosen].filter((id) => uploaded.has(id)).length;
  const kept = chosen.size - deleted;
  const files = deleted ? (kept ? `${counted(deleted)} uploaded here will be deleted. ` : "Uploaded files are deleted. ") : "";
  const back = kept ? "Files in folders stay, and the next update from folders brings them back." : "";
  return `Remove ${counted(chosen.size)}? ${files}${back}`;
}

function draw() {
  const all = boxes();
  for (const box of all) box.checked = chosen.has(box.dataset.id);
  const whole = element.querySelector("input[data-all]");
  if (!whole) return;
  const here = all.filter((box) => box.checked).length;
  whole.checked = here > 0 && here === all.length;
  whole.indeterminate = here > 0 && here < all.length;
  const [bar, confirm] = element.querySelectorAll(".bar");
  bar.hidden = !chosen.size || asking;
  confirm.hidden = !chosen.size || !asking;
  bar.querySelector(".asked").textContent = `${counted(chosen.size)} chosen`;
  confirm.querySelector(".asked").textContent = question();
}

function choose(box, yes) {
  const id = box.dataset.id;
  yes ? chosen.add(id) : chosen.delete(id);
  if (box.closest("tr").dataset.uploaded) uploaded.add(id);
}

function act(what) {
  asking = what === "ask";
  if (what === "remove" || what === "reread") {
    trigger(what === "remove" ? "remove" : "reread", { ids: [...chosen] });
    chosen.clear();
  }
  draw();
  const place = asking ? ".asking [data-act=keep]" : ".bar:not(.asking) [data-act=ask]";
  const goal = chosen.size ? element.querySelector(place) : element.querySelector("input[data-all]");
  goal?.focus({ preventScroll: true });
}

element.addEventListener("change", ({ target }) => {
  if (target.dataset.all) boxes().forEach((box) => choose(box, target.checked));
  else if (target.dataset.id) choose(target, target.checked);
  asking = false;
  draw();
});

element.addEventListener("click", ({ target }) => {
  const { act: what, order, offset } = target.closest?.("button")?.dataset ?? {};
  if (what) act(what);
  else if (order) trigger("order", { order });
  else if (offset) trigger("turn", { offset: Number(offset) });
});

element.addEventListener("keydown", ({ key }) => {
  if (key === "Escape" && asking) act("keep");
});

watch("value", draw);
