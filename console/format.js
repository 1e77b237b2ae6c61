// Times, durations and money as people read them.

import { element } from "./dom.js";

const MONEY = new Intl.NumberFormat("en", { style: "currency", currency: "USD", maximumFractionDigits: 0 });
const MOMENT = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
const DAY = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium" });
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY_LENGTH = 24 * HOUR;

/** @param {number | undefined} usd */
export function money(usd) {
  return usd === undefined ? "" : MONEY.format(usd);
}

/**
 * Write a number with its noun.
 * @param {number} number
 * @param {string} noun
 */
export function count(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** @param {string} text */
export function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** What a step is called. @param {{ name: string, title?: string }} step */
export function stepTitle({ name, title }) {
  return title ?? capital(name.replaceAll("_", " "));
}

/**
 * Write a duration in its two largest units.
 * @param {number} milliseconds
 */
export function duration(milliseconds) {
  const span = Math.max(0, milliseconds);
  if (span < MINUTE) return `${Math.floor(span / SECOND)} s`;
  if (span < HOUR) return inTwo(Math.floor(span / MINUTE), "min", Math.floor((span % MINUTE) / SECOND), "s");
  if (span < DAY_LENGTH) return inTwo(Math.floor(span / HOUR), "h", Math.floor((span % HOUR) / MINUTE), "min");
  return count(Math.floor(span / DAY_LENGTH), "day");
}

/**
 * @param {number} whole
 * @param {string} unit
 * @param {number} rest
 * @param {string} unitOfRest
 */
function inTwo(whole, unit, rest, unitOfRest) {
  return rest ? `${whole} ${unit} ${rest} ${unitOfRest}` : `${whole} ${unit}`;
}

/**
 * Say how long ago something was, or in what time it will be, in one unit; the exact moment is its title.
 * @param {string | undefined} moment
 */
export function relative(moment) {
  if (!moment) return null;
  const span = Date.parse(moment) - Date.now();
  const size = Math.abs(span);
  const text =
    size < MINUTE ? "now" : size < HOUR ? count(Math.round(size / MINUTE), "minute")
    : size < DAY_LENGTH ? count(Math.round(size / HOUR), "hour") : count(Math.round(size / DAY_LENGTH), "day");
  const words = text === "now" ? text : span < 0 ? `${text} ago` : `in ${text}`;
  return element("time", { datetime: moment, title: `${moment} (UTC)` }, words);
}

/**
 * Say how old something is.
 * @param {string | undefined} moment
 */
export function age(moment) {
  if (!moment) return null;
  const text = duration(Date.now() - Date.parse(moment)).replace(/ (min|h) .*/, " $1");
  return element("time", { datetime: moment, title: moment }, text);
}

/**
 * Write a moment in the reader's own time zone.
 * @param {string | undefined} moment
 */
export function time(moment) {
  return moment ? element("time", { datetime: moment, title: moment }, MOMENT.format(new Date(moment))) : null;
}

/**
 * Write the day of a moment in the reader's own time zone.
 * @param {string | undefined} moment
 */
export function day(moment) {
  return moment ? element("time", { datetime: moment, title: moment }, DAY.format(new Date(moment))) : null;
}

/**
 * Whole days from now until a moment; negative once it has passed.
 * @param {string} moment
 */
export function daysUntil(moment) {
  return Math.floor((Date.parse(moment) - Date.now()) / DAY_LENGTH);
}

/**
 * Milliseconds between two moments; up to now where the second is not known.
 * @param {string} from
 * @param {string} [until]
 */
export function between(from, until) {
  return (until ? Date.parse(until) : Date.now()) - Date.parse(from);
}
