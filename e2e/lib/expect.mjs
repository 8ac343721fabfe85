// Waiting for something that another process brings about.

const patience = 15_000;

/** Polls `read` until `fits` its answer, and returns it. */
export async function expectSoon(read, fits, what) {
  const deadline = Date.now() + patience;
  while (true) {
    const value = await read();
    if (fits(value)) {
      return value;
    }
    if (Date.now() > deadline) {
      throw new Error(`${what} did not come about; the last value was ${JSON.stringify(value)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
