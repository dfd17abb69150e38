// SPDX-License-Identifier: Apache-2.0
import { parseArgs } from 'node:util';
import type { ApiServerChoice } from '../control-plane/control-plane.ts';
import type { LabOptions } from '../lab.ts';
import { VERB_NAMES } from './control.ts';

/** What the user asked for. */
export type LabCommand =
  | { readonly kind: 'usage'; readonly problem?: string }
  | { readonly kind: 'up'; readonly name: string; readonly foreground: boolean; readonly options: LabOptions }
  | { readonly kind: 'daemon'; readonly options: LabOptions }
  | { readonly kind: 'down' | 'status'; readonly name: string; readonly all: boolean }
  | { readonly kind: 'kubectl'; readonly name: string; readonly args: readonly string[] }
  | { readonly kind: 'exec'; readonly name: string; readonly host: string; readonly argv: readonly string[] }
  | { readonly kind: 'verb'; readonly name: string; readonly verb: string; readonly args: readonly string[] };

/** Text of `npm run lab` without arguments. */
export const USAGE = `A Kubernetes cluster of network namespaces on this machine, which it leaves as it is.

  npm run lab -- up [--workers 3] [--name default] [--foreground] [--api-server auto|embedded|real]
                    [--node-monitor-grace-period-ms 40000] [--no-ipv6] [--keep-logs]
  npm run lab -- status
  npm run lab -- down [--all]

  npm run lab -- kubectl get nodes
  npm run lab -- exec client -- bash                a shell on the client (or worker1, control-plane)
  npm run lab -- kill|freeze|thaw|unplug|plug|reboot NODE
  npm run lab -- partition NODE [both|in|out]       frames vanish in the switch; heal NODE undoes it
  npm run lab -- pod-kill|pod-unready|pod-ready [NAMESPACE/]POD

More than one lab: say --name NAME right after the command. The real kube-apiserver is used when
KUBEBUILDER_ASSETS names a folder with kube-apiserver and etcd.`;

const DEFAULT_NAME = 'default';
const API_SERVERS: readonly ApiServerChoice[] = ['auto', 'embedded', 'real'];

/** Reads the command line; problems come back as `usage`. Pure. */
export function parseCommand(argv: readonly string[]): LabCommand {
  const [command, ...rest] = argv;
  if (command === undefined || command === 'help' || command === '--help') return { kind: 'usage' };
  try {
    return parseKnown(command, rest);
  } catch (error) {
    return { kind: 'usage', problem: error instanceof Error ? error.message : String(error) };
  }
}

function parseKnown(command: string, rest: readonly string[]): LabCommand {
  if (command === 'up' || command === 'daemon') return parseUp(command, rest);
  if (command === 'down' || command === 'status') {
    const { values } = parseArgs({
      args: [...rest],
      options: { name: { type: 'string' }, all: { type: 'boolean', default: false } },
    });
    return { kind: command, name: values.name ?? DEFAULT_NAME, all: values.all };
  }
  const { name, args } = takeName(rest);
  if (command === 'kubectl') return { kind: 'kubectl', name, args };
  if (command === 'exec') return parseExec(name, args);
  if (!VERB_NAMES.includes(command)) throw new Error(`there is no command "${command}"`);
  if (args.length === 0)
    throw new Error(`${command}: say which ${command.startsWith('pod-') ? 'pod' : 'node'}`);
  return { kind: 'verb', name, verb: command, args };
}

/** `--name X` or `--name=X` right after the command; the rest belongs to somebody else (kubectl, a program). */
function takeName(args: readonly string[]): { name: string; args: readonly string[] } {
  const [first = '', second] = args;
  if (first.startsWith('--name=')) return { name: first.slice('--name='.length), args: args.slice(1) };
  if (first === '--name' && second !== undefined) return { name: second, args: args.slice(2) };
  return { name: DEFAULT_NAME, args };
}

function parseExec(name: string, args: readonly string[]): LabCommand {
  const [host, ...rest] = args;
  const argv = rest[0] === '--' ? rest.slice(1) : rest;
  if (host === undefined || argv.length === 0) throw new Error('exec: expected HOST -- COMMAND');
  return { kind: 'exec', name, host, argv };
}

function parseUp(command: 'up' | 'daemon', rest: readonly string[]): LabCommand {
  const { values } = parseArgs({
    args: [...rest],
    options: {
      name: { type: 'string', default: DEFAULT_NAME },
      workers: { type: 'string', default: '3' },
      foreground: { type: 'boolean', default: false },
      'api-server': { type: 'string', default: 'auto' },
      'node-monitor-grace-period-ms': { type: 'string', default: '40000' },
      'no-ipv6': { type: 'boolean', default: false },
      'keep-logs': { type: 'boolean', default: false },
    },
  });
  const apiServer = API_SERVERS.find((known) => known === values['api-server']);
  if (apiServer === undefined) {
    throw new Error(`--api-server is "${values['api-server']}", expected one of ${API_SERVERS.join(', ')}`);
  }
  const options: LabOptions = {
    name: values.name,
    workers: wholeNumber('--workers', values.workers, 0),
    apiServer,
    nodeMonitorGracePeriodMs: wholeNumber(
      '--node-monitor-grace-period-ms',
      values['node-monitor-grace-period-ms'],
      1,
    ),
    ipv6: !values['no-ipv6'],
    keepLogs: values['keep-logs'],
  };
  if (command === 'daemon') return { kind: 'daemon', options };
  return { kind: 'up', name: values.name, foreground: values.foreground, options };
}

function wholeNumber(flag: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && text.trim() !== '') return value;
  throw new Error(`${flag} is "${text}", expected a whole number of at least ${least}`);
}
