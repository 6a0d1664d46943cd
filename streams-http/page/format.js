// Numbers, times and rows as people read them.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const exactTenths = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const hundredths = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** A number with as many digits as matter. */
export function number(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1e7) return short.format(value);
  if (size >= 1000 || Number.isInteger(value)) return whole.format(value);
  return (size >= 10 ? tenths : hundredths).format(value);
}

/** The same with one decimal always, as long as that matters. */
export const decimal = (value) => (value !== null && Math.abs(value) < 1000 ? exactTenths.format(value) : number(value));

/** As short as on an axis. */
export const axis = (value) => (Math.abs(value) >= 1000 ? short.format(value) : hundredths.format(value));

/** Bytes in a unit that makes them readable. */
export function bytes(value) {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  const unit = Math.min(Math.max(Math.floor(Math.log2(Math.max(value, 1)) / 10), 0), units.length - 1);
  return `${number(value / 1024 ** unit)} ${units[unit]}`;
}

/** Milliseconds as a time that passes. */
export function duration(ms) {
  if (ms === null || ms === undefined) return "unknown";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${tenths.format(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}

/** Milliseconds since 1970 as a time of day, with the date if it is not today's. */
export function time(ms) {
  if (ms === null || ms === undefined) return "–";
  const date = new Date(ms);
  if (Number.isNaN(date.getTime())) return String(ms);
  const clock = date.toLocaleTimeString("en-GB");
  return date.toDateString() === new Date().toDateString() ? clock : `${date.toISOString().slice(0, 10)} ${clock}`;
}

/** Anything that came as JSON, in a line. */
export function json(value) {
  if (typeof value === "string") return value;
  return JSON.stringify(value);
}

/** A cell of a tile. */
export function cell(value) {
  if (value === null) return "";
  if (typeof value === "number") return number(value);
  if (typeof value === "string") return value;
  if ("time" in value) return time(value.time);
  return duration(value.duration);
}

/** `1 row`, `2 rows`. */
export const count = (many, one, several = `${one}s`) => `${number(many)} ${many === 1 ? one : several}`;
