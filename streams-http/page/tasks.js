// The tab "Tasks": who does what, how far it is, and what is left to restore.

import { el, empty, rows, say, set, table } from "./dom.js";
import { count, duration, number } from "./format.js";
import { gaps, instances as ask, nameOf } from "./instances.js";

const COLUMNS = [
  { name: "Task" }, { name: "State", class: "nowrap" }, { name: "Worker", n: true }, { name: "Input" }, { name: "Position", n: true },
  { name: "End", n: true }, { name: "Lag", n: true }, { name: "Lag in time", n: true }, { name: "Processed", n: true }, { name: "Uncommitted", n: true },
];
const LOOKS = { running: "good", restoring: "warn", opening: "warn", suspended: "warn" };

export function show(element, api) {
  const warning = el("p", { class: "notice warn inside", role: "status", hidden: true });
  const none = empty("The group has no members at the moment.");
  const list = el("div", { class: "stack" });
  element.append(warning, none, list);
  none.hidden = true;
  const restores = new Restores();
  const shown = new Map();
  const look = async (signal) => {
    let instances;
    try {
      instances = await ask(api, signal);
    } catch (error) {
      if (error instanceof api.Gone) return;
      throw error;
    }
    const members = new Set(instances.map(({ member }) => member));
    for (const [member, card] of shown) if (!members.has(member)) (card.element.remove(), shown.delete(member));
    for (const instance of instances) {
      if (!shown.has(instance.member)) {
        const card = instanceCard();
        shown.set(instance.member, card);
        list.append(card.element);
      }
      shown.get(instance.member).update(instance, restores);
    }
    none.hidden = instances.length > 0;
    say(warning, unlike(instances));
    warning.hidden = !warning.textContent;
  };
  const looking = api.every(1000, look);
  return () => looking.stop();
}

/** During a rolling update, instances differ. That is fine for a while, and somebody should know. */
function unlike(instances) {
  const known = instances.map(({ app }) => app).filter(Boolean);
  const differ = (of) => new Set(known.map(of)).size > 1;
  const said = [];
  if (differ(({ topology }) => topology)) said.push("Instances run different topologies");
  if (differ(({ version }) => version)) said.push("Instances run different versions of Millstream");
  if (said.length > 0) said.push("as during an update; see the hash or version beside each name");
  return said.length > 0 ? `${said.join(", ")}.` : instances.some(({ alone }) => alone) ? gaps(instances) : "";
}

/** How quickly tasks restore, to tell how long it will take. */
class Restores {
  constructor() {
    this.seen = new Map();
  }

  /** The part that is done, and the seconds that are left. */
  of(member, { id, restored, restore_remaining: left }) {
    const now = { at: performance.now(), restored };
    const first = this.seen.get(`${member} ${id}`) ?? now;
    this.seen.set(`${member} ${id}`, first);
    const speed = (now.restored - first.restored) / Math.max((now.at - first.at) / 1000, 0.001);
    return { part: restored / Math.max(restored + left, 1), seconds: speed > 0 ? left / speed : null };
  }
}

function instanceCard() {
  const name = el("span");
  const which = el("small");
  const member = el("small", { class: "mono one-line" });
  const title = el("h2", { class: "name" }, name, which, member);
  const badge = el("span", { class: "badge" });
  const said = el("p", { class: "quiet" });
  const bars = el("div");
  const { element: list, body } = table(COLUMNS, "Tasks");
  const element = el("section", { class: "card" }, el("div", { class: "head" }, title, badge), said, bars, list);
  const update = (instance, restores) => {
    const { member: id, host, endpoint, is_self: isSelf, assigned, app, tasks, unknown } = instance;
    say(name, nameOf(instance));
    const what = app ? [`topology ${app.topology}`, `Millstream ${app.version}`] : [];
    say(which, [isSelf ? endpoint : null, host, ...what].filter(Boolean).join(" · "));
    say(member, id);
    set(member, "title", id);
    const all = tasks?.tasks ?? [];
    const states = new Set(all.map(({ state }) => state));
    const state = states.size === 1 ? [...states][0] : states.size === 0 ? (unknown ? "silent" : "idle") : "mixed";
    say(badge, `${count(all.length || assigned.length, "task")} · ${state}`);
    badge.className = `badge ${LOOKS[state] ?? (unknown ? "bad" : "")}`;
    const lag = tasks?.lag_unknown ? `Where inputs end is not known: ${tasks.lag_unknown}` : "";
    say(said, unknown ? `It is not known what it does: ${unknown}` : lag || (all.length ? "" : "It has no tasks."));
    said.hidden = !said.textContent;
    list.hidden = all.length === 0;
    showRestores(bars, id, all, restores);
    rows(body, COLUMNS, all.flatMap(taskRows));
  };
  return { element, update };
}

function showRestores(parent, member, tasks, restores) {
  const going = tasks.filter(({ restore_remaining: left }) => left > 0);
  const lines = going.map((task) => {
    const { part, seconds } = restores.of(member, task);
    const left = seconds === null ? "" : `, about ${duration(seconds * 1000)}`;
    return el("p", {}, `Task ${task.id} restores its state `, el("progress", { max: "1", value: part.toFixed(3), "aria-label": `Restore of task ${task.id}` }),
      ` ${count(task.restore_remaining, "record")} left${left}`);
  });
  parent.replaceChildren(...lines);
}

function taskRows(task) {
  const inputs = task.inputs.length ? task.inputs : [null];
  return inputs.map((input, place) => [
    place === 0 ? task.id : "", place === 0 ? task.state : "", place === 0 ? String(task.worker) : "",
    input ? `${input.topic} · ${input.partition}` : "–",
    input ? number(input.position) : "", input ? number(input.end === null ? null : Math.max(input.end, input.position)) : "", input ? (input.lag === null ? "unknown" : number(input.lag)) : "",
    input ? duration(input.lag_ms) : "", place === 0 ? number(task.processed) : "", place === 0 ? number(task.uncommitted) : "",
  ]);
}
