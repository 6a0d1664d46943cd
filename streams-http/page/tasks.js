// The tab "Tasks": who does what, how far it is, and what is left to restore.

import { el, empty, rows, say, table } from "./dom.js";
import { count, duration, number } from "./format.js";

const COLUMNS = [
  { name: "Task" }, { name: "State", class: "nowrap" }, { name: "Worker", n: true }, { name: "Input" }, { name: "Position", n: true },
  { name: "End", n: true }, { name: "Lag", n: true }, { name: "Lag in time", n: true }, { name: "Processed", n: true }, { name: "Uncommitted", n: true },
];
const LOOKS = { running: "good", restoring: "warn", opening: "warn", suspended: "warn" };

export function show(element, api) {
  const list = el("div", { class: "stack" });
  element.append(list);
  const restores = new Restores();
  const shown = new Map();
  const look = async (signal) => {
    let instances;
    try {
      ({ instances } = await api.get("/api/instances?tasks=true", signal));
    } catch (error) {
      if (error instanceof api.Gone) return;
      // The group may be unknown while the log does not answer; this instance knows itself.
      const tasks = await api.get("/api/tasks", signal);
      instances = [{ member: "this instance", host: "", endpoint: null, is_self: true, assigned: [], tasks, unknown: null }];
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
    if (instances.length === 0) list.replaceChildren(empty("The group has no members at the moment."));
  };
  const looking = api.every(1000, look);
  return () => looking.stop();
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
  const member = el("small", { class: "mono" });
  const title = el("h2", { class: "name" }, name, member);
  const badge = el("span", { class: "badge" });
  const said = el("p", { class: "quiet" });
  const bars = el("div");
  const { element: list, body } = table(COLUMNS, "Tasks");
  const element = el("section", { class: "card" }, el("div", { class: "row between" }, title, badge), said, bars, list);
  const update = ({ member: id, host, endpoint, is_self: isSelf, assigned, tasks, unknown }, restores) => {
    say(name, isSelf ? "This instance" : endpoint ?? (host || "Another instance"));
    say(member, [isSelf ? endpoint : null, host, id].filter(Boolean).join(" · "));
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
