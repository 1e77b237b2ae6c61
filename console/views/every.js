// Looks again and again, for as long as the reader stays.

import { Problem } from "../api.js";
import { announce, element } from "../dom.js";

const RETRY_SECONDS = 10;

/**
 * Look once, and again after as many seconds as the look says, until it says 0 or the reader leaves.
 *
 * The first look's problem is the caller's. A later one is told above what is shown, which stays.
 * @param {Page} page
 * @param {() => Promise<number>} look shows what it sees
 */
export async function every(page, look) {
  again(page, look, await look());
}

/**
 * @param {Page} page
 * @param {() => Promise<number>} look
 * @param {number} seconds
 */
function again(page, look, seconds) {
  if (!seconds || page.signal.aborted) return;
  const timer = setTimeout(async () => again(page, look, await lookAgain(page, look)), seconds * 1000);
  page.signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
}

/**
 * @param {Page} page
 * @param {() => Promise<number>} look
 */
async function lookAgain(page, look) {
  // Nobody looks at a page that is hidden: the API is not asked for it.
  if (document.hidden) return RETRY_SECONDS;
  try {
    return await look();
  } catch (error) {
    if (page.signal.aborted) return 0;
    if (!(error instanceof Problem)) throw error;
    const text = `Not up to date: ${error.details.message} The console tries again every ${RETRY_SECONDS} seconds.`;
    page.main.querySelector(".stale")?.remove();
    page.main.prepend(element("p", { class: "stale" }, text));
    announce(text);
    return RETRY_SECONDS;
  }
}
