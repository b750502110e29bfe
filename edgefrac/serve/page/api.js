/**
 * Requests to the server the page came from, and what their failures mean in words.
 *
 * @typedef {import('./types.js').Model} Model
 * @typedef {import('./types.js').Worklist} Worklist
 * @typedef {import('./types.js').ItemWithDeliveries} ItemWithDeliveries
 */

/** A request that was not served: `status` 0 means that the server was not reached. */
export class Refused extends Error {
  /**
   * @param {number} status
   * @param {string} message
   * @param {number} [retryAfter] seconds
   */
  constructor(status, message, retryAfter = 0) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** Told once whenever the server wants a token. */
export const wantsToken = new EventTarget();

/**
 * @param {string} path
 * @param {RequestInit} [options]
 * @returns {Promise<Response>}
 */
export async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { cache: 'no-store', ...options });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new Refused(0, 'The server does not answer');
  }
  if (response.ok || response.status === 304) return response;
  throw refusal(response.status, await response.text(), response.headers.get('Retry-After'));
}

/**
 * What a problem document says.
 * @param {number} status
 * @param {string} body
 * @param {string | null} retryAfter
 */
export function refusal(status, body, retryAfter) {
  let words = `The server refused it (${status})`;
  try {
    const { error, hint } = JSON.parse(body);
    if (error) words = hint ? `${error}; ${hint}` : error;
  } catch {
    // a proxy's page, say
  }
  if (status === 401) wantsToken.dispatchEvent(new Event('wanted'));
  return new Refused(status, words.charAt(0).toUpperCase() + words.slice(1), Number(retryAfter) || 0);
}

/** @returns {Promise<Model>} */
export async function model() {
  return (await ask('/v1/model')).json();
}

/**
 * The work list, or undefined where it is as it was at that tag.
 * @param {string} query
 * @param {string} tag
 * @returns {Promise<{tag: string, list: Worklist} | undefined>}
 */
export async function worklist(query, tag) {
  const response = await ask(`/v1/worklist?${query}`, { headers: tag ? { 'If-None-Match': tag } : {} });
  if (response.status === 304) return undefined;
  return { tag: response.headers.get('ETag') ?? '', list: await response.json() };
}

/**
 * @param {string} id
 * @returns {Promise<ItemWithDeliveries>}
 */
export async function item(id) {
  return (await ask(`/v1/worklist/${id}`)).json();
}

/**
 * @param {string} id
 * @returns {Promise<ItemWithDeliveries>}
 */
export async function deliverAgain(id) {
  return (await ask(`/v1/worklist/${id}/deliver`, { method: 'POST' })).json();
}

/** @param {string} id */
export async function remove(id) {
  await ask(`/v1/worklist/${id}`, { method: 'DELETE' });
}

/**
 * Bytes of one of the image's views.
 * @param {string} id
 * @param {string} view
 * @param {AbortSignal} signal
 */
export async function bytes(id, view, signal) {
  return (await ask(`/v1/worklist/${id}/${view}`, { signal })).arrayBuffer();
}

/**
 * The heat as a picture, undefined where the model has none.
 * @param {string} id
 * @param {AbortSignal} signal
 */
export async function heat(id, signal) {
  const response = await ask(`/v1/worklist/${id}/heat.png`, { signal });
  return createImageBitmap(await response.blob(), { premultiplyAlpha: 'none', colorSpaceConversion: 'none' });
}

/** @param {string} token */
export async function login(token) {
  const headers = { 'Content-Type': 'application/json' };
  await ask('/login', { method: 'POST', headers, body: JSON.stringify({ token }) });
}

export async function logout() {
  await ask('/logout', { method: 'POST' });
}
