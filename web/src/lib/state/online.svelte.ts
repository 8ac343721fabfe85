/** Whether this device has a network, as far as the browser knows. */
class Online {
  now = $state(navigator.onLine !== false);

  constructor() {
    for (const event of ["online", "offline"]) addEventListener(event, () => (this.now = navigator.onLine !== false));
  }

  /** Waits so many milliseconds, and as long as there is no network. Ends at once when the network comes back, or on abort. */
  async pause(millis: number, signal?: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = navigator.onLine === false ? undefined : setTimeout(done, millis);
      function done() {
        clearTimeout(timer);
        removeEventListener("online", done);
        signal?.removeEventListener("abort", done);
        resolve();
      }
      addEventListener("online", done);
      signal?.addEventListener("abort", done);
      if (signal?.aborted) done();
    });
  }
}

export const online = new Online();
