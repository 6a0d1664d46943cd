// The tab "Config": every setting, and where it comes from.

import { el, rows, say, table } from "./dom.js";
import { count } from "./format.js";

const COLUMNS = [{ name: "Setting", class: "mono" }, { name: "Value", class: "mono wide" }, { name: "From", told: true }];

export function show(element, api) {
  const search = el("input", { type: "search", placeholder: "commit", "aria-label": "Search settings" });
  const changed = el("select", { "aria-label": "Which settings" }, el("option", { value: "", text: "all" }), el("option", { value: "set", text: "those that were set" }));
  const said = el("p", { class: "quiet", role: "status" });
  const { element: list, body } = table(COLUMNS, "Settings", "stacked");
  element.append(el("section", { class: "card" },
    el("div", { class: "row" }, el("label", { text: "Search" }, search), el("label", { text: "Show" }, changed)), said, list));
  let settings = [];
  const draw = () => {
    const words = search.value.toLowerCase();
    const wanted = settings.filter(({ name, value, origin }) =>
      `${name} ${value}`.toLowerCase().includes(words) && (!changed.value || origin !== "default"));
    rows(body, COLUMNS, wanted.map(({ name, value, origin }) => [name, value, origin]));
    say(said, count(wanted.length, "setting"));
  };
  search.addEventListener("input", draw);
  changed.addEventListener("change", draw);
  const leaving = new AbortController();
  api.getOnceItAnswers("/api/config", leaving.signal).then((answer) => {
    ({ settings } = answer);
    draw();
  }).catch((error) => say(said, error.message));
  return () => leaving.abort();
}
