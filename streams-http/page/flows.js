// How many records flow where: what all instances have counted, from one look to the next, over the last five minutes.

const SPAN = 5 * 60 * 1000;

/**
 * Rates by what flows: `read 1 clicks` is what sub-topology 1 reads from a topic, `processed 1` what it reads in all, and
 * `sent SINK` what a node sends to a topic.
 */
export class Flows {
  constructor() {
    this.last = null;
    /** The latest ones last. */
    this.past = [];
  }

  /** Takes what instances say now. */
  take(instances) {
    const now = { at: Date.now(), counts: counted(instances) };
    if (this.last && now.at > this.last.at) {
      this.past.push({ at: now.at, rates: rates(this.last, now) });
      while (this.past[0].at < now.at - SPAN) this.past.shift();
    }
    this.last = now;
  }

  /** Records a second; `null` if that is not known. Several flows are added up. */
  rate(...flows) {
    return this.past.length === 0 ? null : sum(this.past.at(-1).rates, flows);
  }

  /** The same over time, as a chart draws it: a line for each list of flows. What is not known of a line is 0 there. */
  lines(...lines) {
    const known = this.past.filter(({ rates }) => lines.some((flows) => sum(rates, flows) !== null));
    const values = lines.map((flows) => known.map(({ rates }) => sum(rates, flows) ?? 0));
    return { times: known.map(({ at }) => at), values, open: 0, span: SPAN };
  }
}

/** All counters. What a task has counted is its instance's: it begins at 0 where the task moves to. */
function counted(instances) {
  const counts = new Map();
  for (const { member, tasks } of instances) {
    for (const { id, subtopology, processed, received, sent } of tasks?.tasks ?? []) {
      const count = (flow, many) => counts.set(`${member} ${id} ${flow}`, { flow, many });
      count(`processed ${subtopology}`, processed);
      for (const [topic, many] of Object.entries(received)) count(`read ${subtopology} ${topic}`, many);
      for (const [node, many] of Object.entries(sent)) count(`sent ${node}`, many);
    }
  }
  return counts;
}

function rates(before, now) {
  const seconds = (now.at - before.at) / 1000;
  const rates = new Map();
  for (const [id, { flow, many }] of now.counts) {
    // What was not there before says nothing about the time since then.
    const grown = Math.max(many - (before.counts.get(id)?.many ?? many), 0);
    rates.set(flow, (rates.get(flow) ?? 0) + grown / seconds);
  }
  return rates;
}

function sum(rates, flows) {
  const known = flows.filter((flow) => rates.has(flow));
  return known.length === 0 ? null : known.reduce((sum, flow) => sum + rates.get(flow), 0);
}
