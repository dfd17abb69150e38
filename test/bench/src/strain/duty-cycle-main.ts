// SPDX-License-Identifier: Apache-2.0
/**
 * Lets processes run for a part of the time only, as a CPU quota does: `node duty-cycle-main.ts RUN_MS PAUSE_MS PID...`.
 * Stricter than a quota, under which only those pause who have used it up. Everything runs again when this ends.
 */
import { signalProcess } from '@fairlead/test-lab/process/proc.ts';

const [run = 0, pause = 0, ...pids] = process.argv.slice(2).map(Number);
if (!(run > 0 && pause > 0) || pids.some((pid) => !(pid > 1))) {
  throw new Error(`"${process.argv.slice(2).join(' ')}", expected: RUN_MS PAUSE_MS PID...`);
}
const nothing = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
let stopping = false;
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    stopping = true;
  });
}

function cycle(): void {
  for (const pid of pids) signalProcess(pid, 'SIGSTOP');
  // Not a timer: the pause should not be longer because of what the event loop has to do.
  Atomics.wait(nothing, 0, 0, pause);
  for (const pid of pids) signalProcess(pid, 'SIGCONT');
  if (!stopping) setTimeout(cycle, run);
}

console.log('started');
cycle();
