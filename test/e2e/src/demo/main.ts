// SPDX-License-Identifier: Apache-2.0
/** `npm run demo`: the case study from `kubectl create configmap` to the loss of a node, in private namespaces. */
import { Lab } from '@fairlead/test-lab/lab.ts';
import { ensureLabNamespace } from '@fairlead/test-lab/namespace.ts';
import { buildPrograms } from '../../../../scripts/build.ts';
import { Narrator } from '../narrator.ts';
import { DEMO_USAGE, type DemoOptions, parseDemoOptions } from './options.ts';
import { concludeDemo, runDemo } from './run-demo.ts';

async function main(options: DemoOptions): Promise<number> {
  const narrator = new Narrator(process.stdout, process.env);
  await narrator.waiting('building both programs', buildPrograms());
  const lab = await narrator.waiting('starting a cluster in network namespaces', Lab.start({ workers: 3 }));
  try {
    const report = await runDemo(lab, narrator);
    const kept = concludeDemo(report, narrator);
    if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`);
    return kept ? 0 : 1;
  } finally {
    await lab.stop();
  }
}

let options: DemoOptions;
try {
  options = parseDemoOptions(process.argv.slice(2));
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n\n${DEMO_USAGE}`);
  process.exit(2);
}
if (options.help) {
  console.log(DEMO_USAGE);
  process.exit(0);
}
await ensureLabNamespace();
try {
  process.exit(await main(options));
} catch (error) {
  console.error(`the demo failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
