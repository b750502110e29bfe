/**
 * Keeps the page for use without a network.
 *
 * The page tells what it fetched, and that is kept. Scripts, runtime and model have their version in their address, so
 * what is kept of them is used first; the page itself and `app.json` come from the network where there is one.
 */
const worker = self as unknown as ServiceWorkerGlobalScope;
const KEPT = 'edgefrac';
const VERSIONED = /[?&]v=|\/(assets|litert-[^/]+)\//;

worker.addEventListener('install', () => void worker.skipWaiting());
worker.addEventListener('activate', (event) => event.waitUntil(worker.clients.claim()));

worker.addEventListener('fetch', (event) => {
  const address = new URL(event.request.url);
  if (event.request.method !== 'GET' || address.origin !== worker.location.origin) return;
  const isFresh = event.request.mode === 'navigate' || address.pathname.endsWith('/app.json');
  event.respondWith(isFresh ? networkFirst(event.request) : cacheFirst(event.request));
});

worker.addEventListener('message', (event) => event.waitUntil(keep(event.data as string[], event.source)));

async function networkFirst(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    const kept = await fromCache(request);
    if (kept) return kept;
    throw error;
  }
}

async function cacheFirst(request: Request): Promise<Response> {
  return (await fromCache(request)) ?? fetch(request);
}

async function fromCache(request: Request): Promise<Response | undefined> {
  return (await caches.open(KEPT)).match(request, { ignoreVary: true });
}

/** Keep these addresses and no others; say that the page can do without a network once all of them are here. */
async function keep(addresses: string[], page: Client | ServiceWorker | MessagePort | null): Promise<void> {
  const cache = await caches.open(KEPT);
  const there = new Set((await cache.keys()).map(({ url }) => url));
  const wanted = addresses.filter((one) => !(VERSIONED.test(one) && there.has(one)));
  const fetched = await Promise.allSettled(wanted.map((one) => cache.add(one)));
  const isHere = await Promise.all(addresses.map((one) => cache.match(one, { ignoreVary: true })));
  if (fetched.every(({ status }) => status === 'fulfilled')) {
    await Promise.all([...there].filter((one) => !addresses.includes(one)).map((one) => cache.delete(one)));
  }
  if (isHere.every(Boolean)) page?.postMessage('kept');
}
