// The tab "Errors": what all instances have left out, why, and how it goes back.

import { el, empty, rows, say, table } from "./dom.js";
import { count, json, number, time } from "./format.js";
import { droppedBy, gaps, instances as ask } from "./instances.js";

const PAGE = 50;
const COLUMNS = [
  { name: "When", class: "nowrap" }, { name: "Why", class: "wide" }, { name: "Record", class: "mono wide" }, { name: "From", class: "mono" }, { name: "" },
];
const DROPPED = [{ name: "Last", class: "nowrap" }, { name: "Why", class: "wide" }, { name: "Where", class: "mono", told: true }, { name: "Records", n: true }];

export function show(element, api) {
  const dropped = droppedRecords();
  const letters = el("section", { class: "card" });
  element.append(el("div", { class: "stack" }, dropped.element, letters));
  const list = deadLetters(letters, api);
  const look = async (signal) => {
    try {
      dropped.update(await ask(api, signal));
    } catch (error) {
      if (!(error instanceof api.Gone)) throw error;
    }
    await list.look(signal);
  };
  const looking = api.every(3000, look);
  return () => looking.stop();
}

/** How many records were left out, by node and reason. */
function droppedRecords() {
  const { element: list, body } = table(DROPPED, "Records that were left out, by node and reason", "stacked");
  const none = empty("No record was left out since the instances were started.");
  const said = el("p", { class: "quiet", role: "status" });
  const element = el("section", { class: "card" }, el("h2", { text: "Left out" }), said, list, none);
  list.hidden = true;
  none.hidden = true;
  const update = (instances) => {
    const all = droppedBy(instances);
    say(said, gaps(instances));
    said.hidden = !said.textContent;
    list.hidden = all.length === 0;
    none.hidden = all.length > 0;
    rows(body, DROPPED, all.map(({ node, reason, explanation, records, last }) => [time(last), `${words(reason)}: ${explanation}`, node, number(records)]));
  };
  return { element, update };
}

const words = (reason) => reason.replaceAll(/[-_]/g, " ");

/** Shows a record in the topic that it came from, as it is there now. */
function inItsTopic({ topic, partition, offset }, api) {
  const name = `${topic} ${partition ?? "?"}:${offset ?? "?"}`;
  if (partition === null || offset === null) return name;
  const content = el("pre");
  const look = { class: name.length < 40 ? "together" : null, title: "Look at it in its topic" };
  const element = el("details", {}, el("summary", { ...look, text: name }), content);
  element.addEventListener("toggle", async () => {
    if (!element.open) return;
    try {
      const path = `/api/topics/${encodeURIComponent(topic)}/records?partition=${partition}&from=${offset}&limit=1`;
      const found = (await api.get(path)).records.find((record) => record.offset === offset);
      say(content, found ? JSON.stringify(found, null, 2) : "It is not in the topic any more.");
    } catch (error) {
      say(content, error.message);
    }
  });
  return element;
}

/** What is of no type that is known is shown as the text that it may be. */
const readable = (value) => (value !== null && typeof value === "object" && "undecodable" in value ? value.text ?? `${value.undecodable} (base64)` : json(value));

function deadLetters(element, api) {
  const said = el("p", { class: "quiet", role: "status" });
  const answer = el("p", { role: "status", hidden: true });
  const all = el("button", { type: "button", text: "Replay all", hidden: true });
  const more = el("button", { type: "button", text: "Older ones", hidden: true });
  const { element: list, body } = table(COLUMNS, "Dead letters, the newest first", "stacked");
  element.append(el("div", { class: "row between" }, el("h2", { text: "Dead letters" }), all), said, answer, list, more);
  list.hidden = true;
  let pages = 1;
  let first = "";

  const tell = (text, isBad) => {
    say(answer, text);
    answer.hidden = !text;
    answer.className = isBad ? "error" : "quiet";
  };
  const act = async (button, path, done) => {
    button.disabled = true;
    try {
      tell(done(await api.post(path)), false);
    } catch (error) {
      tell(error.message, true);
    }
    button.disabled = false;
    first = "";
    await look();
  };
  all.addEventListener("click", () => act(all, "/api/dead-letters/replay", ({ put_back: many, left }) =>
    `${count(many, "record")} put back, ${number(left)} left.`));
  more.addEventListener("click", () => {
    pages += 1;
    first = "";
    look();
  });

  const row = (letter) => {
    const { partition, offset, timestamp, reason, message, exception, node, key, value, source, replays, headers } = letter;
    const replay = el("button", { type: "button", text: "Replay", "aria-label": `Replay ${partition}:${offset}` });
    replay.addEventListener("click", () => act(replay, `/api/dead-letters/${partition}/${offset}/replay`, ({ topic, partition, offset }) =>
      `Put back as ${topic} ${partition}:${offset}.`));
    const why = el("div", {}, el("b", { text: words(reason) }), el("div", { text: message || exception }),
      el("small", { class: "quiet", text: [node === "-" ? "" : node, replays ? `replayed ${number(replays)} times` : ""].filter(Boolean).join(" · ") }));
    const record = el("details", {}, el("summary", { text: `${readable(key)}: ${readable(value)}`.slice(0, 160) }),
      el("pre", { text: JSON.stringify({ key, value, headers }, null, 2) }));
    return [time(timestamp), why, record, source ? inItsTopic(source, api) : "unknown", replay];
  };

  const look = async (signal) => {
    const letters = [];
    let answered = null;
    let from;
    try {
      for (let page = 0; page < pages; page += 1) {
        answered = await api.get(`/api/dead-letters?limit=${PAGE}${from ? `&from=${encodeURIComponent(from)}` : ""}`, signal);
        letters.push(...answered.letters);
        from = answered.next;
        if (!from) break;
      }
    } catch (error) {
      if (error.name === "AbortError" || error instanceof api.Gone) return;
      list.hidden = true;
      all.hidden = true;
      more.hidden = true;
      say(said, error.message);
      return;
    }
    const { topic, total, total_is_exact: isExact } = answered;
    const now = JSON.stringify([letters.map(({ partition, offset, replays }) => [partition, offset, replays])]);
    say(said, letters.length === 0 ? `There are none in ${topic}.` : `${isExact ? "" : "About "}${count(total, "record")} in ${topic}.`);
    list.hidden = letters.length === 0;
    all.hidden = letters.length === 0;
    more.hidden = !from;
    api.counted("errors", isExact ? total : `${letters.length}+`);
    // Buttons and what is unfolded stay as they are while nothing new has come.
    if (now === first) return;
    first = now;
    rows(body, COLUMNS, letters.map(row));
  };
  return { look };
}
