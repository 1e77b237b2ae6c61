// Starts the console: signs in, and shows the view that the address names.

import { Problem, readConfiguration, useVersion } from "./api.js";
import { mayRead, mayReadReports, readCaller, useAccount } from "./caller.js";
import { element } from "./dom.js";
import { signIn, signOut, startSession } from "./session.js";
import { showCeremony } from "./views/ceremony.js";
import { showCleanup } from "./views/cleanup.js";
import { showDrift } from "./views/drift.js";
import { showFleet } from "./views/fleet.js";
import { showHandover } from "./views/handover.js";
import { showHsm } from "./views/hsm.js";
import { showOperation } from "./views/operation.js";
import { showOperations } from "./views/operations.js";
import { problem } from "./views/problem.js";
import { showYou } from "./views/you.js";

/** @type {[RegExp, (page: Page, name: string) => Promise<void>][]} */
const VIEWS = [
  [/^\/?$/, showFleet],
  [/^\/hsms\/([^/]+)$/, showHsm],
  [/^\/hsms\/([^/]+)\/ceremony$/, showCeremony],
  [/^\/hsms\/([^/]+)\/handover$/, showHandover],
  [/^\/operations$/, showOperations],
  [/^\/operations\/([^/]+)$/, showOperation],
  [/^\/cleanup$/, showCleanup],
  [/^\/drift$/, showDrift],
  [/^\/you$/, showYou],
];

// What the service does of itself is read by other roles than HSMs are.
const REPORTS = new Set(["/cleanup", "/drift"]);

const main = find("main");
let leave = new AbortController();
let shown = "";

/** @param {string} id */
function find(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no ${id}`);
  return found;
}

async function start() {
  // The address's fragment names the view: the skip link must not change it.
  find("skip").addEventListener("click", (event) => {
    event.preventDefault();
    main.focus();
  });
  // Who comes back from Entra's page by the browser's button finds a page that still waits for it.
  addEventListener("pageshow", (event) => event.persisted && location.reload());
  try {
    const configuration = await readConfiguration();
    if (!configuration.clientId) return showNotConfigured();
    useVersion(configuration);
    const account = await startSession(configuration, configuration.clientId);
    if (!account) return showSignIn();
    useAccount(account);
    showAccount(account.username);
  } catch (error) {
    main.replaceChildren(...about(error, "The console could not be started"), signInButton());
    return undefined;
  }
  addEventListener("hashchange", showView);
  return showView();
}

/** @param {string} who */
function showAccount(who) {
  find("who").textContent = who;
  find("sign-out").addEventListener("click", signOut);
  find("account").hidden = false;
}

function showSignIn() {
  main.replaceChildren(
    element(
      "div",
      { class: "welcome" },
      element("h1", {}, "Managed HSMs, at a glance"),
      element("p", {}, "The fleet of this deployment, what each HSM costs and how it stands, and every operation as it runs. "
        + "The console only reads."),
      signInButton(),
    ),
  );
}

function signInButton() {
  const button = element("button", { type: "button", class: "primary" }, "Sign in with Microsoft Entra");
  button.addEventListener("click", () => {
    button.disabled = true;
    signIn().catch((error) => main.replaceChildren(...about(error, "Signing in failed"), signInButton()));
  });
  return button;
}

function showNotConfigured() {
  main.replaceChildren(
    element("h1", {}, "The console is not configured"),
    element("p", {}, "This deployment names no application for people to sign in with. Its operators set ",
      element("code", {}, "HSM_PROVISIONER_CONSOLE_CLIENT_ID"), " to the client id of the console's app registration."),
  );
}

async function showView() {
  const [path = "", query = ""] = location.hash.slice(1).split("?");
  leave.abort();
  leave = new AbortController();
  const { signal } = leave;
  const moved = path !== shown;
  shown = path;
  markNavigation(path);
  if (moved) main.replaceChildren(element("p", { class: "loading" }, "Loading …"));
  main.setAttribute("aria-busy", "true");
  try {
    const caller = await readCaller(signal);
    const reads = mayRead(caller);
    const reports = mayReadReports(caller);
    for (const link of ofViews()) link.hidden = "reports" in link.dataset ? !reports : !reads;
    find("navigation").hidden = false;
    // Whoever may see no HSM is told so, wherever they go.
    const [view, name] = (REPORTS.has(path) ? reports : reads) ? findView(path) : /** @type {const} */ ([showYou, ""]);
    await view({ main, query: new URLSearchParams(query), signal }, name);
  } catch (error) {
    if (signal.aborted) return;
    main.replaceChildren(...about(error, "This cannot be shown"));
  }
  if (signal.aborted) return;
  main.removeAttribute("aria-busy");
  settle(moved);
}

/**
 * Tell where the reader is: the title, and after a change of view the heading, which takes the focus.
 * @param {boolean} moved
 */
function settle(moved) {
  const heading = main.querySelector("h1");
  const title = heading?.textContent ?? "";
  document.title = title ? `${title} - HSM console` : "HSM console";
  if (!moved || !heading) return;
  heading.tabIndex = -1;
  heading.focus();
}

/**
 * @param {string} path
 * @returns {[(page: Page, name: string) => Promise<void>, string]}
 */
function findView(path) {
  for (const [pattern, view] of VIEWS) {
    const match = pattern.exec(path);
    if (match) return [view, decodeURIComponent(match[1] ?? "")];
  }
  throw new Problem({
    status: 404, title: "Not Found", code: "view_not_found", message: "The console has no such view.",
    advice: "Go on from the fleet.",
  });
}

/** @param {string} path */
function markNavigation(path) {
  for (const link of [...ofViews(), find("who")]) {
    const target = link.getAttribute("href")?.slice(1) ?? "";
    const here = target === "/" ? path === "" || path === "/" || path.startsWith("/hsms/") : path.startsWith(target);
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

/** The links to what is read, which the API's page is not. */
function ofViews() {
  return /** @type {NodeListOf<HTMLElement>} */ (find("navigation").querySelectorAll("a[href^='#']"));
}

/**
 * @param {unknown} error
 * @param {string} title
 */
function about(error, title) {
  const details = error instanceof Problem ? error.details : {
    status: 0, title, code: "console_failed", message: error instanceof Error ? error.message : String(error),
    advice: "Load the page again. If that does not help, tell the operators.",
  };
  return [element("h1", {}, title), problem(details)];
}

start();
