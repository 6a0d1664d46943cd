// All instances of the application: what each does, or why that is not known.

/** Asks for all of them. While the log does not say who is there, this one speaks for itself. */
export async function instances(api, signal) {
  try {
    return (await api.get("/api/instances?tasks=true&app=true", signal)).instances;
  } catch (error) {
    if (error instanceof api.Gone || error.name === "AbortError") throw error;
    const [app, tasks] = await Promise.all([api.get("/api/app", signal), api.get("/api/tasks", signal)]);
    return [{ member: "", host: "", endpoint: null, is_self: true, assigned: [], app, tasks, unknown: null, alone: error.message }];
  }
}

/** The tasks of all instances that have answered. */
export const tasksOf = (instances) => instances.flatMap(({ tasks }) => tasks?.tasks ?? []);

/** An instance's name for people. */
export const nameOf = ({ is_self: isSelf, endpoint, host }) => (isSelf ? "This instance" : endpoint ?? (host || "Another instance"));

/** What has to be said where numbers are sums over all instances, and not all are known; an empty text if they are. */
export function gaps(instances) {
  const alone = instances.find(({ alone }) => alone);
  if (alone) return `Only this instance is counted: ${alone.alone}`;
  const silent = instances.filter(({ unknown }) => unknown);
  return silent.map((instance) => `Not counted is ${nameOf(instance)}: ${instance.unknown}`).join(" · ");
}

/** What all instances have dropped, by node and reason, the latest first. */
export function droppedBy(instances) {
  const sums = new Map();
  for (const one of instances.flatMap(({ tasks }) => tasks?.dropped ?? [])) {
    const id = `${one.subtopology} ${one.node} ${one.reason}`;
    const sum = sums.get(id) ?? { ...one, records: 0 };
    sums.set(id, { ...sum, records: sum.records + one.records, last: Math.max(sum.last, one.last) });
  }
  return [...sums.values()].sort((one, other) => other.last - one.last || one.node.localeCompare(other.node));
}
