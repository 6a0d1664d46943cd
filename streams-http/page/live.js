// The tab "Live": the program's own panels, and its tables as tiles.

import { el, empty } from "./dom.js";
import { tile } from "./tiles.js";

export function show(element, api) {
  const panels = el("div", { class: "panels stack" });
  const numbers = el("div", { class: "numbers" });
  const tiles = el("div", { class: "tiles" });
  element.append(panels, numbers, tiles);
  const drawn = new Map();
  let events = null;
  const leaving = new AbortController();

  const begin = async () => {
    try {
      arrange(await api.getOnceItAnswers("/api/live", leaving.signal));
    } catch (error) {
      if (!leaving.signal.aborted) tiles.replaceChildren(el("p", { class: "error", text: error.message }));
    }
  };

  let shape = "";
  const arrange = (live) => {
    // A server that has come back may run another program.
    const now = JSON.stringify(live);
    if (leaving.signal.aborted || now === shape) return;
    shape = now;
    drawn.clear();
    panels.replaceChildren();
    live.panels.forEach((name) => panel(panels, name, api));
    const made = live.tiles.map((facts) => [facts.id, tile(facts)]);
    made.forEach(([id, one]) => drawn.set(id, one));
    const none = empty("No table of this application is shown. In its program, .live(|tile| tile.bars(\"Top pages\")) after a table shows it here.");
    const elements = made.map(([, one]) => one.element);
    const isNumber = (one) => one.classList.contains("number");
    numbers.replaceChildren(...elements.filter(isNumber));
    tiles.replaceChildren(...(made.length || live.panels.length ? elements.filter((one) => !isNumber(one)) : [none]));
    if (made.length) follow();
  };

  let waiting = new Map();
  let frame = null;
  const follow = () => {
    events?.stop();
    events = api.events("/api/live/stream", (name, picture) => {
      if (name !== "picture") return;
      waiting.set(picture.id, picture);
      // Several pictures are drawn at once, when the browser draws anyway.
      frame ??= requestAnimationFrame(() => {
        frame = null;
        for (const [id, picture] of waiting) drawn.get(id)?.draw(picture);
        waiting = new Map();
      });
    }, (isOpen) => {
      for (const { element } of drawn.values()) element.classList.toggle("stale", !isOpen);
      if (isOpen) begin();
    });
  };

  begin();
  return () => {
    leaving.abort();
    events?.stop();
  };
}

/** Something of the program's own. It says so if it does not work, and disturbs nothing else. */
async function panel(parent, name, { get, post, events }) {
  const element = el("section", { class: "card panel", "data-panel": name });
  parent.append(element);
  try {
    const module = await import(`/panels/${name}.js`);
    await module.show(element, { get, post, events });
  } catch (error) {
    element.append(el("p", { class: "error", text: `The panel ${name} does not work: ${error.message}` }));
  }
}
