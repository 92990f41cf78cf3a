// Requests that outlast a server that is away for a while: it starts anew, a laptop slept, a cable was moved.
const FIRST = 250, LONGEST = 4000, PATIENCE = 60_000; // milliseconds
const AWAY = new Set([502, 503, 504]); // what a proxy says while nobody stands behind it

// A promise of the answer to an address; late() is called once the first try has failed.
export async function reach(address, late) {
  const since = performance.now();
  for (let wait = FIRST; ; wait = Math.min(2 * wait, LONGEST)) {
    try {
      const response = await fetch(new URL(address, document.baseURI));
      if (!AWAY.has(response.status)) return response;
      if (performance.now() - since > PATIENCE) return response;
    } catch (error) { // the network's
      if (performance.now() - since > PATIENCE) throw error;
    }
    late?.();
    await new Promise((go) => setTimeout(go, wait));
  }
}
