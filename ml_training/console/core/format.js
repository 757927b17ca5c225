// Values as people read them, in the language of the page.
import { language, t } from "./text.js";

const NOTHING = "–";
const UNITS = ["B", "KB", "MB", "GB", "TB"];

export function number(value, digits = 0) {
  if (value === null || value === undefined) return NOTHING;
  return value.toLocaleString(language(), { maximumFractionDigits: digits });
}

/** A score, with as many digits as tell two models apart. */
export function score(value) {
  if (value === null || value === undefined) return NOTHING;
  if (typeof value !== "number") return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e6)) return value.toExponential(3);
  return value.toLocaleString(language(), { maximumSignificantDigits: size >= 1000 ? 6 : 4 });
}

export function percent(share) {
  if (share === null || share === undefined) return NOTHING;
  return share.toLocaleString(language(), { style: "percent", maximumFractionDigits: share < 1 && share > 0.99 ? 1 : 0 });
}

export function bytes(value) {
  if (value === null || value === undefined) return NOTHING;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${number(value, unit && value < 100 ? 1 : 0)} ${UNITS[unit]}`;
}

export function seconds(value) {
  if (value === null || value === undefined) return NOTHING;
  if (value < 1) return `${number(value * 1000)} ms`;
  if (value < 60) return `${number(value, value < 10 ? 1 : 0)} s`;
  if (value < 3600) return `${Math.floor(value / 60)} min ${Math.round(value % 60)} s`;
  if (value < 172800) return `${Math.floor(value / 3600)} h ${Math.round((value % 3600) / 60)} min`;
  return t("days", { days: number(value / 86400, 1) });
}

export function time(text) {
  if (!text) return NOTHING;
  const at = new Date(text);
  const sameDay = at.toDateString() === new Date().toDateString();
  return at.toLocaleString(language(), sameDay ? { timeStyle: "medium" } : { dateStyle: "short", timeStyle: "short" });
}

/** A moment of the data, in UTC as the API has it: the zone of the reader would move its days. */
export function utc(text) {
  return text ? text.slice(0, 19).replace("T", " ").replace(" 00:00:00", "") : NOTHING;
}

export function secondsBetween(start, end) {
  return start ? (new Date(end || Date.now()) - new Date(start)) / 1000 : null;
}

/** Any value of a table or spec, as one line. */
export function any(value) {
  if (value === null || value === undefined) return NOTHING;
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : score(value);
  if (typeof value === "boolean") return t(value ? "yes" : "no");
  return typeof value === "string" ? value : JSON.stringify(value);
}
