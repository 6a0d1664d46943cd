// One tile of each kind: makes its body, and draws a picture into it.

import { chart } from "./charts.js";
import { el, empty, repeat, rows, say, set, table } from "./dom.js";
import { cell, count, decimal, number } from "./format.js";

/** A table with so many columns needs more room than other tiles. */
const WIDE = 5;

/** A tile, with `draw(picture)`. */
export function tile(facts) {
  const { title, unit, kind } = facts;
  const { element: body, draw } = BODIES[kind]?.(facts) ?? { element: empty(`This page cannot draw ${kind}.`), draw: () => {} };
  const note = el("p", { class: "note", hidden: true });
  const head = el("header", {}, el("h2", { id: `tile-${facts.id}`, text: title }), unit ? el("span", { class: "unit", text: unit }) : null);
  const frame = el("div", { class: "body" }, body);
  const width = kind === "table" && facts.names.length >= WIDE ? " broad" : "";
  const element = el("section", { class: `card tile ${kind}${width}`, "data-tile": facts.id, "aria-labelledby": `tile-${facts.id}` }, head, frame, note);
  return {
    element,
    draw: (picture) => {
      draw(picture);
      element.classList.toggle("stale", picture.state !== "live");
      const text = notes(picture);
      note.hidden = !text;
      note.classList.toggle("bad", picture.state === "failed");
      say(note, text);
    },
  };
}

/** What has to be said beside a picture. */
function notes({ state, message, partial, unreadable, reason, missing, bars, rows: many }) {
  const said = [];
  if (state === "failed") said.push(message);
  if (state === "loading") said.push("Rows are being read.");
  if (missing) said.push(`Only rows of this instance: ${missing}`);
  if (partial) said.push(`The table has more rows than the ${number(many)} that a tile can hold; the others are missing here.`);
  if (unreadable) said.push(`${count(unreadable, "row")} cannot be shown: ${reason}`);
  if (bars && bars.labels > bars.bars.length) said.push(`${number(bars.labels - bars.bars.length)} more`);
  return said.join(" ");
}

/** Windows up to this length are drawn when they are over. */
const SHORT = 10000;

const BODIES = {
  number() {
    const element = el("div", { class: "big", text: "–" });
    // It would jump if a rate that happens to be whole had no decimals.
    let isWhole = true;
    const draw = ({ number: value }) => {
      isWhole &&= value === null || Number.isInteger(value);
      say(element, isWhole ? number(value) : decimal(value));
    };
    return { element, draw };
  },

  bars() {
    const list = el("div", { class: "bars", role: "list" });
    const nothing = empty("No rows yet.");
    const draw = ({ bars: { bars } }) => {
      nothing.hidden = bars.length > 0;
      const longest = Math.max(...bars.map(({ value }) => value), 0) || 1;
      repeat(list, bars, () => el("div", { class: "bar-row", role: "listitem" }, el("i"), el("span"), el("b")), (row, bar) => {
        const [length, label, value] = row.children;
        const width = `${Math.max((bar.value / longest) * 100, 0).toFixed(1)}%`;
        if (length.style.width !== width) length.style.width = width;
        say(label, bar.label);
        set(label, "title", bar.label);
        say(value, number(bar.value));
      });
    };
    return { element: el("div", {}, list, nothing), draw };
  },

  funnel({ names }) {
    const element = el("div", { role: "list" });
    const draw = ({ funnel }) => {
      const first = funnel[0] || 0;
      repeat(element, funnel, (_, place) => el("div", { class: "funnel-row", role: "listitem" },
        el("span", { text: names[place] }), el("div", { class: "track" }, el("i")), el("b", {}, el("span"), el("small"))), (row, value) => {
        const part = first > 0 ? value / first : 0;
        const bar = row.querySelector("i");
        const width = `${Math.min(part * 100, 100).toFixed(1)}%`;
        if (bar.style.width !== width) bar.style.width = width;
        say(row.querySelector("b > span"), number(value));
        say(row.querySelector("small"), first > 0 ? `${(part * 100).toFixed(part < 0.1 ? 1 : 0)} %` : "");
      });
    };
    return { element, draw };
  },

  table({ names, title }) {
    let columns = names.map((name) => ({ name }));
    let made = null;
    const element = el("div");
    const nothing = empty("No rows yet.");
    element.append(nothing);
    const draw = ({ table: items }) => {
      nothing.hidden = items.length > 0;
      if (!made && items.length > 0) {
        columns = names.map((name, place) => ({ name, n: items.every((row) => isNumeric(row[place])) }));
        made = table(columns, title);
        element.append(made.element);
      }
      if (made) rows(made.body, columns, items.map((row) => row.map(cell)));
    };
    return { element, draw };
  },

  lines({ names, title, last_ms: span }) {
    const { element, draw } = chart(names, title);
    const nothing = empty("No windows yet.");
    return {
      element: el("div", { class: "chart-frame" }, element, nothing),
      draw: ({ lines: { starts, values, open } }) => {
        const many = values[0]?.length ?? 0;
        nothing.hidden = many > 0;
        element.hidden = many === 0;
        const times = starts.at ?? Array.from({ length: many }, (_, place) => starts.from + place * starts.step);
        // A window of a few seconds that is not over yet is only a line that jumps.
        const left = starts.step <= SHORT && many > open ? open : 0;
        const until = many - left;
        if (many > 0) draw({ times: times.slice(0, until), values: values.map((line) => line.slice(0, until)), open: open - left, span });
      },
    };
  },
};

const isNumeric = (value) => typeof value === "number" || (value !== null && typeof value === "object" && "duration" in value);
