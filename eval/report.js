// Shows the questions of the report. Text is only ever set as text, so that nothing in it is markup.

const { records, texts, changed, compared } = JSON.parse(document.getElementById("data").textContent);
const filter = document.getElementById("filter").elements;
const list = document.getElementById("list");

function element(name, kind, ...inside) {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  made.append(...inside.filter((one) => one !== null && one !== undefined));
  return made;
}

const plain = (value) => (value === null || value === undefined ? "–" : String(value));
const where = (place) => `${place.document_id}, ${place.start}–${place.end}`;
const isGood = (record) => record.outcome === "right" || record.outcome === "rightly declined";

function overlaps(one, other) {
  return one.document_id === other.document_id && one.start < other.end && other.start < one.end;
}

function cited(record) {
  return record.answer.claims.flatMap((claim) => claim.citations);
}

// A passage with the gold in it marked. Places count characters as Python does, so the text is cut into these.
function passageText(passage, gold) {
  const characters = Array.from(texts[`${passage.document_id}:${passage.start}-${passage.end}`]);
  const marks = gold.filter((place) => overlaps(place, passage)).sort((one, other) => one.start - other.start);
  const shown = element("div", "passage");
  let at = 0;
  for (const place of marks) {
    const start = Math.max(at, place.start - passage.start);
    const end = Math.min(characters.length, place.end - passage.start);
    if (end <= start) continue;
    shown.append(characters.slice(at, start).join(""), element("mark", "", characters.slice(start, end).join("")));
    at = end;
  }
  shown.append(characters.slice(at).join(""));
  return shown;
}

function table(rows) {
  const cells = rows.map((row) => element("tr", "", element("th", "", row[0]), ...row.slice(1).map((cell) => element("td", "", plain(cell)))));
  return element("div", "scroll", element("table", "", element("tbody", "", ...cells)));
}

function folded(title, make) {
  const details = element("details", "", element("summary", "", title));
  details.addEventListener("toggle", () => details.open && details.children.length === 1 && details.append(make()));
  return details;
}

function answer(record, gold) {
  const said = record.answer.claims.map((claim) => {
    const quotes = claim.citations.map((citation) =>
      element("blockquote", gold.some((place) => overlaps(place, citation)) ? "hit" : "", citation.quote,
        element("cite", "", `[${citation.marker}] ${where(citation)}${citation.page ? `, page ${citation.page}` : ""}`)));
    const verdict = claim.verdict === "supported" ? null : element("small", "", ` (${claim.verdict})`);
    const verbatim = claim.citations.length === 1 && claim.citations[0].quote === claim.text;
    return element("div", "", ...(verbatim && !verdict ? [] : [element("p", "said", claim.text, verdict)]), ...quotes);
  });
  return said.length ? said : [element("p", "said", record.answer.text)];
}

function trace(record, gold) {
  const { passages, sentences, facts } = record.trace;
  const found = passages.map((passage, at) =>
    folded(`${at + 1}. ${passage.title}: ${where(passage)}, score ${plain(passage.score)}${gold.some((place) => overlaps(place, passage)) ? ", gold" : ""}`,
      () => passageText(passage, gold)));
  const weighed = sentences.map((sentence) =>
    folded(`${plain(sentence.score)}: ${sentence.text}`, () => table(Object.entries(sentence.signs))));
  return element("div", "",
    record.answer.asked && record.answer.asked !== record.question ? element("p", "", `Understood as: ${record.answer.asked}`) : null,
    element("h3", "", "Passages found"), ...found,
    element("h3", "", "Sentences weighed, log-odds that they answer"), ...weighed,
    element("h3", "", "What the confidence is made of"), folded("Signs", () => table(Object.entries(facts))));
}

function side(title, record) {
  const gold = record.gold.flat();
  const heading = title ? element("h4", "", `${title}: ${record.outcome}`) : null;
  return element("div", "side", heading,
    element("h3", "", `Answer, confidence ${plain(record.answer.confidence)}, ${record.seconds} s`), ...answer(record, gold),
    element("h3", "", "Trace"), folded("Passages, sentences and signs", () => trace(record, gold)),
    folded("Scores", () => table(Object.entries(record.scores).map(([name, score]) => [name.replaceAll("_", " "), score]))));
}

function wanted(record) {
  const parts = record.gold.map((part) => part.map((place) =>
    element("blockquote", "", place.quote, element("cite", "", where(place)))));
  const before = record.history.map((question) => element("p", "said", question));
  return element("div", "side",
    ...(before.length ? [element("h3", "", "Asked before"), ...before] : []),
    element("h3", "", "Reference"), element("p", "said", record.reference || "The documents do not answer it."),
    ...(parts.length ? [element("h3", "", "Gold"), ...parts.flat()] : []));
}

function inside(record) {
  const change = changed[record.id];
  if (!change) return element("div", "sides", wanted(record), side("", record));
  const told = element("p", "", `Changed: ${change.what.join(", ")}. It comes from: ${change.why}.`);
  return element("div", "", told, wanted(record), element("div", "sides", side("Before", change.before), side("Now", record)));
}

function row(record) {
  const change = changed[record.id];
  const chip = element("span", `chip ${isGood(record) ? "good" : "bad"}`, record.outcome);
  const summary = element("summary", "", chip, element("span", "question", record.question),
    change ? element("span", "chip", `${change.what.join(", ")}: ${change.why}`) : null,
    element("span", "about", `${record.kind.replaceAll("_", " ")}, ${record.split}, ${record.id}`));
  const details = element("details", "asked", summary);
  details.addEventListener("toggle", () => details.open && details.children.length === 1 && details.append(inside(record)));
  return details;
}

// What a question can be found by, made once.
const searched = records.map((record) =>
  [record.id, record.question, record.reference, record.answer.text, ...record.gold.flat().map((place) => place.document_id),
    ...cited(record).map((citation) => citation.document_id)].join("\n").toLowerCase());
const rows = records.map(row);

function shift(record) {
  const change = changed[record.id];
  if (!change) return ["unchanged"];
  const [before, now] = [isGood(change.before), isGood(record)];
  return ["changed", `because of ${change.why}`, ...(before === now ? [] : [now ? "better" : "worse"])];
}

function show() {
  const words = filter.words.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  records.forEach((record, at) => {
    const fits = (!filter.outcome.value || record.outcome === filter.outcome.value)
      && (!filter.kind.value || record.kind === filter.kind.value)
      && (!filter.split.value || record.split === filter.split.value)
      && (!filter.type.value || record.types.includes(filter.type.value))
      && (!filter.change.value || shift(record).includes(filter.change.value))
      && words.every((word) => searched[at].includes(word));
    rows[at].hidden = !fits;
    count += fits;
  });
  document.getElementById("count").textContent = `${count} of ${records.length} questions`;
}

function offer(name, values) {
  for (const value of [...new Set(values)].sort()) {
    const option = element("option", "", value.replaceAll("_", " "));
    option.value = value;
    filter[name].append(option);
  }
}

offer("outcome", records.map((record) => record.outcome));
offer("kind", records.map((record) => record.kind));
offer("split", records.map((record) => record.split));
offer("type", records.flatMap((record) => record.types));
offer("change", records.flatMap(shift));
filter.change.parentElement.hidden = !compared;
list.append(...rows);
show();
document.getElementById("filter").addEventListener("input", show);
document.getElementById("filter").addEventListener("submit", (event) => event.preventDefault());
