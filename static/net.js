// Posts and reads beside htmx, for actions on messages: always the same shape of result.

import { word } from "./dom.js";

const token = () => JSON.parse(document.body.getAttribute("hx-headers"))["x-csrftoken"];

/**
 * What to tell a person about an answer that wasn't the wished one; `status` 0 is no answer.
 * The server's own sentence, where it has one, comes as plain text.
 */
export function sentence(status, body = "", type = "") {
  if (!status) return word("problem-offline");
  if (body && type?.startsWith("text/plain")) return body;
  return word(`problem-${status}`) || word(status >= 500 ? "problem-500" : "problem-other");
}

async function ask(url, options) {
  try {
    const response = await fetch(url, { credentials: "same-origin", ...options });
    const body = await response.text();
    // A redirect to another page means that the session has ended.
    const lost = response.redirected && new URL(response.url).pathname !== new URL(url, location).pathname;
    const ok = response.ok && !lost;
    return { ok, status: response.status, body, problem: ok ? "" : sentence(lost ? 403 : response.status, body, response.headers.get("content-type")) };
  } catch {
    return { ok: false, status: 0, body: "", problem: sentence(0) };
  }
}

/** Post a form; the answer's `body` is the markup that the view renders for htmx. */
export function post(url, values = {}) {
  const headers = { "HX-Request": "true", "HX-Target": "main", "X-CSRFToken": token() };
  return ask(url, { method: "POST", headers, body: new URLSearchParams(values) });
}

/** Read a piece of markup. */
export const read = (url) => ask(url, { headers: { "HX-Request": "true" } });

/** Read JSON; null where that fails. */
export async function readJson(url) {
  const answer = await ask(url, { headers: { Accept: "application/json" } });
  try {
    return answer.ok ? JSON.parse(answer.body) : null;
  } catch {
    return null;
  }
}

/** Show a page of ours in the main column, with its address. */
export const go = (url) => htmx.ajax("GET", url, { target: "#main", swap: "innerHTML", push: url });
