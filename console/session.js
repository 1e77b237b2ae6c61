// Signs in with Entra by redirect. Tokens live in this tab's session storage and go with it.

/** @type {import("@azure/msal-browser").PublicClientApplication | undefined} */
let application;
/** @type {string[]} */
let scopes = [];

/**
 * Take up the session of this tab, or the one that Entra has just redirected back with.
 * @param {Configuration} configuration
 * @param {string} clientId
 * @returns {Promise<Account | undefined>} who is signed in
 */
export async function startSession(configuration, clientId) {
  scopes = [configuration.scope];
  application = new msal.PublicClientApplication({
    auth: {
      clientId,
      authority: configuration.authority,
      redirectUri: new URL("/api/console/", location.origin).href,
      postLogoutRedirectUri: new URL("/api/console/", location.origin).href,
    },
    cache: { cacheLocation: "sessionStorage" },
  });
  await application.initialize();
  const answer = await application.handleRedirectPromise();
  const account = answer?.account ?? application.getAllAccounts()[0];
  if (account) application.setActiveAccount(account);
  if (!account) return undefined;
  const { username, name, localAccountId } = account;
  return { objectId: localAccountId, username: username || localAccountId, name: name || username || localAccountId };
}

/** Say for what a token of a person's has to be asked. */
export function scope() {
  return scopes.join(" ");
}

/** Leave for Entra's sign-in; it comes back to the same view. */
export async function signIn() {
  await application?.loginRedirect({ scopes, redirectStartPage: location.href });
}

/** Forget the tokens of this tab, and end the session at Entra. */
export async function signOut() {
  await application?.logoutRedirect({ account: application.getActiveAccount() });
}

/**
 * Give an access token for the API. Where Entra wants to see the person again, this leaves for its sign-in.
 * @returns {Promise<string>}
 */
export async function accessToken() {
  if (!application) throw new Error("the session was not started");
  try {
    // No hidden frames: an expired session is renewed by a redirect, so the page needs no permission to frame Entra.
    const cacheLookupPolicy = msal.CacheLookupPolicy.AccessTokenAndRefreshToken;
    return (await application.acquireTokenSilent({ scopes, cacheLookupPolicy })).accessToken;
  } catch (error) {
    if (!(error instanceof msal.InteractionRequiredAuthError)) throw error;
    await application.acquireTokenRedirect({ scopes, redirectStartPage: location.href });
    return new Promise(() => {});
  }
}
