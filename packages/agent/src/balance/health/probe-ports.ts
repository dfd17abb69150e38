// SPDX-License-Identifier: Apache-2.0

/** Above what Linux gives to programs that do not choose (`net.ipv4.ip_local_port_range`), and nothing usually listens there. */
const FIRST = 61_000;
const LAST = 65_535;
/** Ports that are tried one after the other when one is taken. */
const ATTEMPTS = 4;

/**
 * Local ports of probes. Clients whose connections this node masquerades share its address and the usual ports, and a pod
 * that remembers one of their connections (TIME_WAIT) refuses another one from the same port when its TCP timestamps seem older, as
 * they do half of the time since Linux gives each pair of ports its own offset. Under load half of the probes would fail so.
 */
export class ProbePorts {
  #next: number;

  /** @param random 0 up to, not including, 1: where to begin, so that a restart does not meet its own recent connections */
  constructor(random: () => number) {
    this.#next = FIRST + Math.floor(random() * (LAST - FIRST + 1));
  }

  /** Connects from the next port, and from those after it while they are taken; in the end from any. Passes on other errors. */
  async connect<T>(from: (localPort: number | undefined) => Promise<T>): Promise<T> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      try {
        return await from(this.#take());
      } catch (error) {
        if (!isTaken(error)) throw error;
      }
    }
    return await from(undefined);
  }

  #take(): number {
    const port = this.#next;
    this.#next = port === LAST ? FIRST : port + 1;
    return port;
  }
}

/** By a server, or by a connection to the same place that has just ended. */
function isTaken(error: unknown): boolean {
  const { code } = error as Partial<NodeJS.ErrnoException>;
  return code === 'EADDRINUSE' || code === 'EADDRNOTAVAIL';
}
