// SPDX-License-Identifier: Apache-2.0
/** Takes memory, touches all of it, gives it back, and begins again: `node memory-hog-main.ts MEGABYTES`. */
const megabytes = Number(process.argv[2]);
if (!(megabytes > 0)) throw new Error(`"${process.argv[2]}", expected a number of megabytes above 0`);

function turn(): void {
  // Filled, so that the kernel has to find and clear every page.
  Buffer.alloc(megabytes << 20, 1);
  setImmediate(turn);
}

console.log('started');
turn();
