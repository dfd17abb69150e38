// SPDX-License-Identifier: Apache-2.0
/** `npm run lab -- ...`: a cluster to play with. See USAGE. */
import { fileURLToPath } from 'node:url';
import { type LabCommand, parseCommand, USAGE } from './arguments.ts';
import { type LabStatus, sendControl } from './control.ts';
import { runDaemon } from './daemon.ts';
import { enterCommand, runAttached } from './enter.ts';
import { howToUse } from './how-to-use.ts';
import { findLab, forgetLab, type LabRecord, listLabs, stateDir } from './state.ts';
import { launch, shutDown } from './up.ts';

/** Where the user stood when typing `npm run`, which itself changes to the package. */
const USER_DIRECTORY = process.env.INIT_CWD ?? process.cwd();

function runningLab(name: string): LabRecord {
  const lab = findLab(name);
  if (lab !== undefined) return lab;
  const others = listLabs().map((other) => other.name);
  const hint = others.length > 0 ? `running: ${others.join(', ')}` : 'start one: npm run lab -- up';
  throw new Error(`no lab "${name}" is running; ${hint}`);
}

async function statusOf(lab: LabRecord): Promise<LabStatus> {
  return (await sendControl(lab, { verb: 'status', args: [] }, 5_000)) as LabStatus;
}

async function up(command: LabCommand & { kind: 'up' }): Promise<number> {
  await buildImages();
  const passed = process.argv.slice(3).filter((argument) => argument !== '--foreground');
  const argv = [process.execPath, fileURLToPath(import.meta.url), 'daemon', ...passed];
  const interrupted = Promise.withResolvers<number>();
  let record: LabRecord | undefined;
  // Ctrl-C while it starts, too, leaves nothing behind: everything of the lab is in one process tree.
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    process.on(signal, () => interrupted.resolve(code));
  }
  const started = launch({ name: command.name, argv, foreground: command.foreground }, (line) =>
    console.log(`lab: ${line}`),
  );
  const first = await Promise.race([started, interrupted.promise]);
  if (typeof first === 'number') {
    record = findLab(command.name);
    started.catch(() => {}); // it fails because we end it, below
    if (record !== undefined) await shutDown(record);
    else forgetLab(command.name);
    return first;
  }
  record = first.record;
  console.log(howToUse(command.name, await statusOf(record)));
  if (!command.foreground) return 0;
  console.log('\nCtrl-C ends it.');
  const ended = new Promise<number>((resolve) => first.child.once('exit', (code) => resolve(code ?? 1)));
  const code = await Promise.race([ended, interrupted.promise]);
  if (findLab(command.name) !== undefined) await shutDown(record);
  forgetLab(command.name);
  return code;
}

/** The images of the lab's nodes run our bundles; without them the lab is a cluster without Fairlead. */
async function buildImages(): Promise<void> {
  try {
    const { buildPrograms } = await import('../../../../scripts/build.ts');
    await buildPrograms();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    console.error(`lab: the programs could not be built, so pods of their images will not start: ${reason}`);
  }
}

async function status(): Promise<number> {
  const labs = listLabs();
  if (labs.length === 0) console.log('no lab is running; start one: npm run lab -- up');
  for (const lab of labs) {
    const { phase, apiServer, hosts = [] } = await statusOf(lab);
    console.log(`${lab.name}: ${phase}, API server ${apiServer ?? 'not yet'}`);
    for (const host of hosts) console.log(`  ${host.name.padEnd(16)}${host.address.padEnd(16)}${host.state}`);
  }
  return 0;
}

async function down(command: { readonly name: string; readonly all: boolean }): Promise<number> {
  const lab = findLab(command.name);
  const labs = command.all ? listLabs() : lab === undefined ? [] : [lab];
  if (labs.length === 0)
    console.log(command.all ? 'no lab is running' : `no lab "${command.name}" is running`);
  for (const record of labs) {
    await shutDown(record);
    console.log(`lab "${record.name}" is gone`);
  }
  return 0;
}

async function enter(name: string, host: string | undefined, argv: readonly string[]): Promise<number> {
  const lab = runningLab(name);
  const { environment = {}, hosts = [] } = await statusOf(lab);
  if (host !== undefined && !hosts.some((known) => known.name === host)) {
    throw new Error(`no host "${host}"; there are ${hosts.map((known) => known.name).join(', ')}`);
  }
  return await runAttached(enterCommand(lab, host, argv, environment, USER_DIRECTORY));
}

async function carryOut(command: LabCommand): Promise<number> {
  switch (command.kind) {
    case 'usage':
      if (command.problem !== undefined) console.error(`lab: ${command.problem}\n`);
      console.log(USAGE);
      return command.problem === undefined ? 0 : 2;
    case 'up':
      stateDir(command.name); // complains about an impossible name before anything is started
      return await up(command);
    case 'daemon':
      return await runDaemon(command.options);
    case 'status':
      return await status();
    case 'down':
      return await down(command);
    case 'kubectl':
      return await enter(command.name, undefined, ['kubectl', ...command.args]);
    case 'exec':
      return await enter(command.name, command.host, command.argv);
    case 'verb': {
      const { verb, args } = command;
      await sendControl(runningLab(command.name), { verb, args });
      console.log(`${verb} ${args.join(' ')}: done`);
      return 0;
    }
  }
}

try {
  process.exit(await carryOut(parseCommand(process.argv.slice(2))));
} catch (error) {
  console.error(`lab: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
