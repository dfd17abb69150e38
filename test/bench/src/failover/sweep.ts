// SPDX-License-Identifier: Apache-2.0
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Lab } from '@fairlead/test-lab/lab.ts';
import { CLIENT, HOST_INTERFACE } from '@fairlead/test-lab/network/plan.ts';
import type { LabProcess } from '@fairlead/test-lab/process/lab-process.ts';

const PROGRAM = fileURLToPath(new URL('sweep-main.ts', import.meta.url));

/** The first answer for an address. */
export interface SweepAnswer {
  readonly address: string;
  readonly mac: string;
  /** Monotonic. */
  readonly atMs: number;
}

/** Asks from the client for many addresses until each has been answered; cheap once all have. */
export class Sweep {
  readonly #process: LabProcess;
  readonly #answers = new Map<string, SweepAnswer>();

  private constructor(process: LabProcess) {
    this.#process = process;
    process.onLine((line) => {
      const event = JSON.parse(line) as SweepAnswer | { started: true }; // written by sweep-main.ts only
      if ('address' in event) this.#answers.set(event.address, event);
    });
  }

  /** Starts it; resolves when it asks. */
  static async start(lab: Lab, addresses: readonly string[]): Promise<Sweep> {
    const file = join(lab.workDir, 'sweep-addresses');
    writeFileSync(file, `${addresses.join('\n')}\n`);
    const { observer } = lab.plan;
    const argv = [
      ...[process.execPath, PROGRAM, '--interface', HOST_INTERFACE, '--addresses', file],
      ...['--station-mac', observer.mac, '--station-ipv4', observer.ipv4, '--station-ipv6', observer.ipv6],
    ];
    const started = lab.spawn(CLIENT, argv);
    const sweep = new Sweep(started);
    await started.waitForLine((line) => line.includes('"started"'));
    return sweep;
  }

  /** Who answered, by address, since the start or since {@link onlyOthers}. */
  get answers(): ReadonlyMap<string, SweepAnswer> {
    return this.#answers;
  }

  /** From now on only hosts with another MAC count. */
  onlyOthers(mac: string): void {
    this.#answers.clear();
    this.#process.write(`except ${mac}\n`);
  }

  async stop(): Promise<void> {
    await this.#process.stop();
  }
}
