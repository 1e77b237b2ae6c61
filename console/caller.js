// Who reads the page: Entra says who it is, and the API what they may do. The access token is the API's alone to read.

import { Problem, read } from "./api.js";

/** @type {Account} */
let account = { objectId: "", username: "", name: "" };
/** @type {Caller | undefined} */
let known;

/** @param {Account} signedIn */
export function useAccount(signedIn) {
  account = signedIn;
}

/** What the reader is called, where they see what they did themselves. */
export function you() {
  return `${account.name} (you)`;
}

/** @param {string | undefined} objectId */
export function isYou(objectId) {
  return objectId?.toLowerCase() === account.objectId.toLowerCase();
}

/**
 * Ask the API once which roles and teams the reader has.
 * @param {AbortSignal} signal
 * @returns {Promise<Caller>}
 */
export async function readCaller(signal) {
  known ??= await ask(signal);
  return known;
}

/** Whether somebody may read HSMs and operations. @param {Caller} caller */
export function mayRead(caller) {
  return caller.roles.some((role) => role !== "Hsm.Audit");
}

/** Whether somebody may read what the service does of itself. @param {Caller} caller */
export function mayReadReports(caller) {
  return caller.roles.includes("Hsm.Operate") || caller.roles.includes("Hsm.Audit");
}

/** Whether what somebody reads is of no team, so that there is nothing to read. @param {Caller} caller */
export function isOfNoTeam(caller) {
  return mayRead(caller) && !caller.teams.length && !caller.roles.includes("Hsm.Operate");
}

/**
 * @param {AbortSignal} signal
 * @returns {Promise<Caller>}
 */
async function ask(signal) {
  const readable = await readUnlessRefused("policy", signal);
  if (readable) return { ...account, roles: readable.caller.roles, teams: readable.caller.teams };
  const audits = await readUnlessRefused("audit?maxpagesize=1", signal);
  return { ...account, roles: audits ? ["Hsm.Audit"] : [], teams: [] };
}

/**
 * Read one document; null where the reader has no role for it.
 * @param {string} path
 * @param {AbortSignal} signal
 */
async function readUnlessRefused(path, signal) {
  try {
    return (await read(path, signal)).document;
  } catch (error) {
    if (error instanceof Problem && error.details.code === "role_missing") return null;
    throw error;
  }
}
