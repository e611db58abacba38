// Runs once, as the `js_on_load` of what could not be read: an upload among it can be deleted, after a second click.

let asked = null; // the button that was clicked once

function calm() {
  if (asked) asked.textContent = "Delete";
  asked = null;
}

element.addEventListener("click", ({ target }) => {
  const button = target.closest?.("[data-act=delete]");
  if (!button) return calm();
  if (button === asked) {
    calm();
    trigger("remove", { ids: [button.dataset.id] });
  } else {
    calm();
    asked = button;
    button.textContent = "Delete it?";
  }
});

watch("value", calm);
