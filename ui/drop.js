// Runs once, as the drop zone's `js_on_load`: files are sent one by one, then handed over together.
// Not gr.File: in 6.31 it leaves an empty temporary file for each upload, and lists all before it lets go of them.

const AT_ONCE = 3;
const zone = element.querySelector(".zone");
const input = element.querySelector("input");
const sending = element.querySelector(".sending");
let busy = false;

async function send(files) {
  if (busy || !files.length) return;
  busy = true;
  const largest = props.megabytes * 2 ** 20;
  const waiting = files.filter((file) => file.size <= largest);
  const large = files.filter((file) => file.size > largest).map((file) => file.name);
  const sent = [];
  const lost = [];
  const total = waiting.length;
  const tell = () => (sending.textContent = `Sending ${Math.min(sent.length + 1, total)} of ${total}`);

  async function next() {
    for (let file = waiting.shift(); file; file = waiting.shift()) {
      tell();
      try {
        sent.push({ name: file.name, path: (await upload(file)).path });
      } catch {
        lost.push(file.name);
      }
    }
  }

  zone.classList.add("busy");
  await Promise.all(Array.from({ length: AT_ONCE }, next));
  zone.classList.remove("busy");
  const told = [
    large.length && `Larger than ${props.megabytes} MB and not sent: ${large.join(", ")}.`,
    lost.length && `Could not be sent: ${lost.join(", ")}.`,
  ];
  sending.textContent = told.filter(Boolean).join(" ");
  busy = false;
  input.value = "";
  if (sent.length) trigger("sent", { files: sent });
}

input.addEventListener("change", () => send([...input.files]));
zone.addEventListener("dragover", (event) => {
  event.preventDefault();
  zone.classList.add("over");
});
zone.addEventListener("dragleave", (event) => {
  if (!zone.contains(event.relatedTarget)) zone.classList.remove("over");
});
zone.addEventListener("drop", (event) => {
  event.preventDefault();
  zone.classList.remove("over");
  send([...event.dataTransfer.files]);
});
