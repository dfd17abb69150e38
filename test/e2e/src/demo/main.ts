// SPDX-License-Identifier: Apache-2.0
/** `npm run demo`: the case study from `kubectl create configmap` to the loss of a node, in private namespaces. */
import { fileURLToPath } from 'node:url';
import { type LabStatus, sendControl } from '@fairlead/test-lab/cli/control.ts';
import { runDaemon } from '@fairlead/test-lab/cli/daemon.ts';
import { howToUse } from '@fairlead/test-lab/cli/how-to-use.ts';
import { launch } from '@fairlead/test-lab/cli/up.ts';
import { Lab } from '@fairlead/test-lab/lab.ts';
import { ensureLabNamespace } from '@fairlead/test-lab/namespace.ts';
import { buildPrograms } from '../../../../scripts/build.ts';
import { Narrator } from '../narrator.ts';
import { DEMO_USAGE, type DemoEngine, type DemoOptions, parseDemoOptions } from './options.ts';
import type { DemoReport } from './report.ts';
import { concludeDemo, runDemo } from './run-demo.ts';

/** Name under which `--keep` leaves the cluster up. */
const KEPT_LAB = 'demo';
/** First argument of the process that holds a kept cluster; for {@link keep} alone. */
const DAEMON = 'hold-the-demo';

async function main(options: DemoOptions): Promise<number> {
  const narrator = new Narrator(process.stdout, process.env);
  await narrator.waiting('building both programs', buildPrograms());
  const lab = await narrator.waiting('starting a cluster in network namespaces', Lab.start({ workers: 3 }));
  try {
    const report = await runDemo(lab, narrator, options.engine);
    return conclude(report, narrator, options);
  } finally {
    await lab.stop();
  }
}

function conclude(report: DemoReport, narrator: Narrator, options: DemoOptions): number {
  const kept = concludeDemo(report, narrator);
  if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`);
  return kept ? 0 : 1;
}

/** Inside the namespaces: tells the demo line by line, the report last, and stays until the lab is taken down. */
async function holdKeptLab(engine: DemoEngine): Promise<number> {
  return await runDaemon({ workers: 3, name: KEPT_LAB }, async (lab, say) => {
    const narrator = new Narrator({ write: (text) => text.replace(/\n$/, '').split('\n').forEach(say) });
    say(JSON.stringify(await runDemo(lab, narrator, engine)));
  });
}

/** Runs the demo in a process that outlives this one, and tells what it tells. */
async function keep(options: DemoOptions): Promise<number> {
  const narrator = new Narrator(process.stdout, process.env);
  await narrator.waiting('building both programs', buildPrograms());
  let report: DemoReport | undefined;
  const argv = [process.execPath, fileURLToPath(import.meta.url), DAEMON, options.engine];
  const { record } = await launch({ name: KEPT_LAB, argv, foreground: false }, (line) => {
    if (line.startsWith('{')) report = JSON.parse(line) as DemoReport;
    else narrator.say(line);
  });
  if (report === undefined) throw new Error('the demo ended without a report');
  const status = (await sendControl(record, { verb: 'status', args: [] })) as LabStatus;
  narrator.say(howToUse(KEPT_LAB, status));
  return conclude(report, narrator, options);
}

async function start(args: readonly string[]): Promise<number> {
  if (args[0] === DAEMON) return await holdKeptLab(args[1] === 'lease' ? 'lease' : 'raft');
  let options: DemoOptions;
  try {
    options = parseDemoOptions(args);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${DEMO_USAGE}`);
    return 2;
  }
  if (options.help) {
    console.log(DEMO_USAGE);
    return 0;
  }
  if (options.keep) return await keep(options);
  await ensureLabNamespace();
  return await main(options);
}

try {
  process.exit(await start(process.argv.slice(2)));
} catch (error) {
  console.error(`the demo failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
