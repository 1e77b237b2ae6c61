// Calls the public API, and nothing else.

import { accessToken } from "./session.js";

const PAGE_SIZE = "200";
let version = "";

/** An answer other than success: problem details (RFC 9457), or what stands for them where there was no answer. */
export class Problem extends Error {
  /** @param {{ status: number, title: string } & ErrorDetail} details */
  constructor(details) {
    super(details.message);
    this.details = details;
  }
}

/** @param {Configuration} configuration */
export function useVersion(configuration) {
  version = configuration.apiVersion;
}

/**
 * Read how the deployment signs people in.
 * @returns {Promise<Configuration>}
 */
export async function readConfiguration() {
  return (await send("/api/console/config.json", {})).json();
}

/**
 * Give the whole address of a call.
 * @param {string} path below `/api/`, its parts encoded
 */
export function addressOf(path) {
  const address = new URL(`/api/${path}`, location.origin);
  address.searchParams.set("api-version", version);
  return address.href;
}

/**
 * Read one document.
 * @param {string} path below `/api/`, its parts encoded
 * @param {AbortSignal} signal
 * @returns {Promise<{ document: any, retryAfter: number }>} `retryAfter` in seconds; 0 where nothing is to be expected
 */
export async function read(path, signal) {
  const response = await send(addressOf(path), await authorized(signal));
  return { document: await response.json(), retryAfter: Number(response.headers.get("Retry-After") ?? 0) };
}

/**
 * Read one page of a list.
 * @param {string} path below `/api/`, or the `nextLink` of the page before
 * @param {Record<string, string>} parameters those that are empty are left out
 * @param {AbortSignal} signal
 * @returns {Promise<{ value: any[], nextLink?: string }>}
 */
export async function readPage(path, parameters, signal) {
  const address = new URL(path, new URL("/api/", location.origin));
  // The access token goes to this API only, wherever a link may point.
  if (address.origin !== location.origin) throw new Error("the next page is elsewhere");
  if (!address.searchParams.has("api-version")) {
    address.searchParams.set("api-version", version);
    address.searchParams.set("maxpagesize", PAGE_SIZE);
    for (const [name, value] of Object.entries(parameters)) if (value) address.searchParams.set(name, value);
  }
  return (await send(address.href, await authorized(signal))).json();
}

/**
 * Read all pages of a list.
 * @param {string} path
 * @param {Record<string, string>} parameters
 * @param {AbortSignal} signal
 * @returns {Promise<any[]>}
 */
export async function readAll(path, parameters, signal) {
  const all = [];
  /** @type {string | undefined} */
  let next = path;
  while (next) {
    const page = await readPage(next, parameters, signal);
    all.push(...page.value);
    next = page.nextLink;
  }
  return all;
}

/**
 * @param {AbortSignal} signal
 * @returns {Promise<RequestInit>}
 */
async function authorized(signal) {
  const token = await accessToken().catch(() => {
    throw new Problem({
      status: 0,
      title: "No token",
      code: "token_unavailable",
      message: "Entra gave no access token.",
      advice: "If it lasts, sign out and in again.",
    });
  });
  return { signal, headers: { Authorization: `Bearer ${token}`, Accept: "application/json" } };
}

/**
 * @param {string} address
 * @param {RequestInit} request
 */
async function send(address, request) {
  let response;
  try {
    response = await fetch(address, { ...request, cache: "no-store", credentials: "omit", redirect: "error" });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Problem({
      status: 0,
      title: "Not reached",
      code: "not_reached",
      message: "The API did not answer.",
      retryable: true,
      advice: "Check the connection; the console tries again.",
    });
  }
  if (response.ok) return response;
  throw new Problem(await describe(response));
}

/** @param {Response} response */
async function describe(response) {
  const written = await response.json().catch(() => ({}));
  return {
    ...written,
    status: response.status,
    title: String(written.title ?? `HTTP ${response.status}`),
    code: String(written.code ?? "unexpected_answer"),
    message: String(written.detail ?? "The API's answer is none that the console knows."),
  };
}
