// SPDX-License-Identifier: Apache-2.0
/** For lab tests and benchmarks of starboard: nodes with a kube-proxy's rules, a client beside them, and an API server that they reach. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Family } from '@fairlead/shared/address/address.ts';
import type { KubeClient } from '@fairlead/shared/kubernetes/client.ts';
import { connect } from '@fairlead/shared/kubernetes/connect.ts';
import { type ApiServerHandle, createApiServer } from '@fairlead/test-apiserver/server.ts';
import type { IptablesBackend } from '../../system/iptables.ts';

const MAIN = fileURLToPath(new URL('../../main.ts', import.meta.url));
/** The API server's address: on the machine's side of each node's link. */
const SERVER = '10.77.0.1';
/** Who starboard is for the API server: the service account of the manifest. */
const ACCOUNT = 'system:serviceaccount:kube-system:fairlead-starboard';

/** A running starboard. */
export interface Program {
  readonly child: ChildProcess;
  /** All lines of its log so far. */
  readonly log: readonly Readonly<Record<string, unknown>>[];
  readonly exited: Promise<number | null>;
}

/** A node: a network namespace with a link to the API server. */
export interface SiteNode {
  readonly name: string;
  readonly backend: IptablesBackend;
  /** Runs a program inside; its output. */
  run(...command: readonly string[]): string;
  /** Runs a program inside, with this text as its input. */
  feed(input: string, ...command: readonly string[]): string;
  /** Rules of nat/PREROUTING, as `iptables -S` prints them. */
  rules(family?: Family, backend?: IptablesBackend): readonly string[];
  /** Any of the programs of iptables on the table nat. */
  nat(family: Family, ...args: readonly string[]): string;
  /** Starts `agent starboard` inside. */
  start(env?: Readonly<Record<string, string>>, flags?: readonly string[]): Program;
  /** Starts a program of Node's inside; ends with the site. */
  startScript(script: string): ChildProcess;
}

/** What was set up. */
export interface Site {
  readonly server: ApiServerHandle;
  readonly admin: KubeClient;
  /** For `kubectl`, as administrator. */
  readonly kubeconfig: string;
  node(name: string): SiteNode;
  remove(): Promise<void>;
}

let sites = 0;

/** Builds it: name of a node -> back end that its kubelet hints at. */
export async function buildSite(nodes: Readonly<Record<string, IptablesBackend>>): Promise<Site> {
  sites += 1;
  const prefix = `sb${process.pid % 10_000}x${sites}`;
  const bridge = `${prefix}b`;
  ip('link', 'add', bridge, 'type', 'bridge');
  ip('address', 'add', `${SERVER}/24`, 'dev', bridge);
  ip('link', 'set', bridge, 'up');
  ip('link', 'set', 'lo', 'up');
  const server = await createApiServer({
    host: SERVER,
    tokens: [
      { token: 'admin', name: 'admin', uid: 'admin', groups: ['system:masters'] },
      { token: 'starboard', name: ACCOUNT, uid: 'starboard', groups: ['system:serviceaccounts'] },
    ],
  });
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-starboard-'));
  const kubeconfig = (user: string): string => {
    const file = join(folder, user.replaceAll(':', '-'));
    writeFileSync(file, server.kubeconfig(user));
    return file;
  };
  const adminFile = kubeconfig('admin');
  const admin = await connect({ kubeconfig: adminFile });
  const children: ChildProcess[] = [];
  const known = new Map<string, SiteNode>();
  Object.entries(nodes).forEach(([name, backend], index) => {
    const namespace = `${prefix}${name}`;
    addNamespace(namespace, bridge, `${prefix}p${index}`, `10.77.0.${index + 10}`);
    known.set(name, createNode({ name, namespace, backend, kubeconfig: kubeconfig(ACCOUNT), children }));
  });
  return {
    server,
    admin,
    kubeconfig: adminFile,
    node(name) {
      const found = known.get(name);
      if (found === undefined) throw new Error(`no node "${name}" on this site`);
      return found;
    },
    async remove() {
      for (const child of children) child.kill('SIGKILL');
      admin.close();
      await server.close();
      for (const name of known.keys()) ip('netns', 'delete', `${prefix}${name}`);
      ip('link', 'delete', bridge);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function addNamespace(namespace: string, bridge: string, port: string, address: string): void {
  ip('netns', 'add', namespace);
  ip('link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
  ip('link', 'set', port, 'master', bridge, 'up');
  for (const link of ['lo', 'eth0']) ip('-n', namespace, 'link', 'set', link, 'up');
  ip('-n', namespace, 'address', 'add', `${address}/24`, 'dev', 'eth0');
}

function createNode({
  name,
  namespace,
  backend,
  kubeconfig,
  children,
}: {
  readonly name: string;
  readonly namespace: string;
  readonly backend: IptablesBackend;
  readonly kubeconfig: string;
  readonly children: ChildProcess[];
}): SiteNode {
  const inside = ['netns', 'exec', namespace];
  const feed = (input: string, ...command: readonly string[]) =>
    execFileSync('ip', [...inside, ...command], { encoding: 'utf8', input, stdio: ['pipe', 'pipe', 'pipe'] });
  const run = (...command: readonly string[]) => feed('', ...command);
  const program = (family: Family, from = backend) => `${family === 4 ? 'iptables' : 'ip6tables'}-${from}`;
  const startNode = (
    args: readonly string[],
    env: Readonly<Record<string, string>>,
    log: 'pipe' | 'inherit',
  ) => {
    const child = spawn('ip', [...inside, process.execPath, ...args], {
      env: { ...process.env, ...env },
      stdio: ['ignore', log, 'inherit'],
    });
    children.push(child);
    return child;
  };
  // What a kubelet leaves for those who choose.
  run(program(4), '-t', 'mangle', '-N', 'KUBE-IPTABLES-HINT');
  return {
    name,
    backend,
    run,
    feed,
    nat: (family, ...args) => run(program(family), '-t', 'nat', ...args),
    rules: (family = 4, from = backend) =>
      run(program(family, from), '-t', 'nat', '-S', 'PREROUTING')
        .split('\n')
        .filter((line) => line.startsWith('-A ')),
    start(env = {}, flags = []) {
      const defaults = { k8s_config_file: kubeconfig, vip_nodename: name, fairlead_balance: 'userspace' };
      const child = startNode([MAIN, 'starboard', ...flags], { ...defaults, ...env }, 'pipe');
      const log: Readonly<Record<string, unknown>>[] = [];
      let rest = '';
      child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) log.push(JSON.parse(line) as Record<string, unknown>);
      });
      const exited = new Promise<number | null>((resolve) => child.on('close', (code) => resolve(code)));
      return { child, log, exited };
    },
    startScript: (script) => startNode(['-e', script], {}, 'inherit'),
  };
}

function ip(...args: readonly string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
