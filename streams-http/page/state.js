// The tab "State": stores, their rows, a key, and everything as a file.

import { el, empty, repeat, rows, say, set, table } from "./dom.js";
import { count, json, time } from "./format.js";

const PAGE = 50;

export function show(element, api) {
  const stores = el("div", { class: "list" });
  const right = el("div", { class: "stack" });
  element.append(el("div", { class: "two" }, el("div", { class: "card" }, el("h2", { text: "Stores" }), stores), right));
  const wanted = decodeURIComponent(location.hash.split("/")[1] ?? "");
  const open = (store) => {
    stores.querySelectorAll("button").forEach((button) => set(button, "aria-pressed", String(button.dataset.store === store.name)));
    // Somebody who has gone on to another tab before the stores were known is not taken back.
    if (/^#?\/?state/.test(location.hash)) history.replaceState(null, "", `#state/${encodeURIComponent(store.name)}`);
    right.replaceChildren(lookUp(store, api), browse(store, api));
  };
  const leaving = new AbortController();
  api.getOnceItAnswers("/api/stores", leaving.signal).then(({ stores: all }) => {
    if (all.length === 0) stores.append(empty("This application has no stores."));
    repeat(stores, all, (store) => el("button", { type: "button", "data-store": store.name, "aria-pressed": "false", on: { click: () => open(store) } },
      store.name, el("small", { text: `${store.kind} · ${store.key_type} → ${store.value_type}${store.entries === null ? "" : ` · about ${count(store.entries)} entries`}` })));
    const first = all.find(({ name }) => name === wanted) ?? all[0];
    if (first) open(first);
  }).catch((error) => right.replaceChildren(el("p", { class: "error", text: error.message })));
  return () => leaving.abort();
}

const path = (store, parameters = {}) => {
  const given = Object.entries(parameters).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return `/api/stores/${encodeURIComponent(store.name)}?${new URLSearchParams(given)}`;
};

const COLUMNS = [{ name: "Key", class: "mono" }, { name: "Value", class: "mono wide" }, { name: "Changed", n: true }];

/** A key may be in a window. */
function shown({ key, value, timestamp }) {
  const hasWindow = key !== null && typeof key === "object" && "start" in key && "key" in key;
  const name = hasWindow ? `${json(key.key)}  ${time(key.start)}${key.end ? ` – ${time(key.end)}` : ""}` : json(key);
  return [name, json(value), time(timestamp ?? null)];
}

function field(name, label, hint) {
  return el("label", { text: label }, el("input", { name, placeholder: hint ?? "", autocomplete: "off", spellcheck: "false" }));
}

/** Looks up one key. */
function lookUp(store, api) {
  const answer = el("div", { "aria-live": "polite" });
  const key = field("key", "Key", store.example_key);
  const find = async (event) => {
    event.preventDefault();
    const text = key.querySelector("input").value;
    answer.replaceChildren();
    try {
      const { rows: found, next } = await api.get(path(store, { key: text, limit: 20, wait: "2s" }));
      if (found.length === 0) return answer.replaceChildren(empty(`There is no row with the key ${text}.`));
      const { element, body } = table(COLUMNS, "The rows of the key");
      rows(body, COLUMNS, found.map(shown));
      answer.replaceChildren(element, ...(next ? [empty("There are more; browse from this key to itself to see them all.")] : []));
    } catch (error) {
      answer.replaceChildren(el("p", { class: "error", text: error.message }));
    }
  };
  const form = el("form", { class: "row", on: { submit: find } }, key, el("button", { type: "submit", class: "primary", text: "Look up" }));
  return el("section", { class: "card", "aria-label": "Look up a key" }, el("h2", { text: store.name }), form, answer);
}

const HAS_TIMES = ["window", "sliding-window", "session", "versioned"];

/** Goes through rows page by page. */
function browse(store, api) {
  const hasTimes = HAS_TIMES.includes(store.kind);
  const fields = [field("prefix", "Begins with"), field("from", "From key"), field("to", "To key")];
  if (hasTimes) fields.push(
    el("label", { text: "Windows from" }, el("input", { name: "window_from", type: "datetime-local", step: "1" })),
    el("label", { text: "Windows to" }, el("input", { name: "window_to", type: "datetime-local", step: "1" })),
  );
  const { element: list, body } = table(COLUMNS, "Rows");
  const said = el("p", { class: "quiet", role: "status" });
  const more = el("button", { type: "button", text: "More rows", hidden: true });
  const order = el("select", { name: "reverse" }, el("option", { value: "", text: "first rows first" }), el("option", { value: "true", text: "last rows first" }));
  const form = el("form", { class: "row", on: { submit: (event) => (event.preventDefault(), begin()) } },
    ...fields, el("label", { text: "Order" }, order), el("button", { type: "submit", text: "Browse" }),
    el("button", { type: "button", text: "Export JSON lines", on: { click: () => save() } }));
  let all = [];
  let next = null;

  const parameters = () => {
    const given = Object.fromEntries(new FormData(form));
    for (const name of ["window_from", "window_to"]) if (given[name]) given[name] = new Date(given[name]).getTime();
    return given;
  };
  const turn = async () => {
    try {
      const page = await api.get(path(store, { ...parameters(), limit: PAGE, cursor: next, wait: "2s" }));
      all = all.concat(page.rows);
      next = page.next;
      rows(body, COLUMNS, all.map(shown));
      list.hidden = all.length === 0;
      say(said, all.length === 0 ? "There are no such rows." : `${count(all.length, "row")}${next ? " so far" : ""}`);
      said.className = "quiet";
    } catch (error) {
      say(said, error.message);
      said.className = "error";
      next = null;
    }
    more.hidden = !next;
  };
  const begin = () => {
    [all, next] = [[], null];
    return turn();
  };
  const save = async () => {
    try {
      const lines = [];
      let cursor = null;
      do {
        const page = await api.get(path(store, { ...parameters(), limit: 10000, cursor }));
        lines.push(...page.rows.map((row) => JSON.stringify(row)));
        cursor = page.next;
        say(said, `${count(lines.length, "row")} for the file`);
      } while (cursor);
      const url = URL.createObjectURL(new Blob([lines.join("\n"), "\n"], { type: "application/jsonl" }));
      const link = el("a", { href: url, download: `${store.name}.jsonl` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(url), 10000);
    } catch (error) {
      say(said, error.message);
      said.className = "error";
    }
  };
  more.addEventListener("click", turn);
  begin();
  return el("section", { class: "card", "aria-label": "Browse rows" }, el("h2", { text: "Rows" }), form, said, list, more);
}
