/** Ask the service worker to keep what the page needs, so that it works without a network from then on. */

/** `fetched` is what the worker fetched; raises nothing, since the page works without. */
export async function keepForOffline(fetched: readonly string[], assets: URL): Promise<void> {
  if (!('serviceWorker' in navigator)) return;
  try {
    navigator.serviceWorker.onmessage = () => (document.documentElement.dataset['offline'] = 'ready');
    await navigator.serviceWorker.register('./service-worker.js');
    const { active } = await navigator.serviceWorker.ready;
    const own = performance.getEntriesByType('resource').map(({ name }) => name);
    const linked = [...document.querySelectorAll<HTMLLinkElement>('link[href]')].map(({ href }) => href);
    const icons = ['icon.svg', 'icon-maskable.svg'].map((name) => new URL(name, document.baseURI).href);
    const page = new URL('./', document.baseURI).href;
    const certificate = new URL('certificate.html', assets).href;
    const all = [page, ...own, ...linked, ...icons, ...fetched, certificate];
    active?.postMessage([...new Set(all.filter((one) => one.startsWith(page)))]);
  } catch {
    // without a secure context or storage there is no use without a network, and all else works
  }
}
