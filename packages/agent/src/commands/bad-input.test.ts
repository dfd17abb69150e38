// SPDX-License-Identifier: Apache-2.0
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ALL_SETTINGS } from '../config/names.ts';
import type { SettingSpec } from '../config/schema/setting.ts';

/*
 * Mistakes in environments and configuration files, against the real command: it has to name every setting that is wrong, end
 * with 1, and start nothing.
 */

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
const CASES = 100;
const SEED = 71;

/** What runs, if nothing is wrong. (Not here: the kubeconfig does not exist.) */
const WORKING = {
  vip_arp: 'true',
  svc_enable: 'true',
  cp_enable: 'true',
  address: '192.0.2.10',
  vip_interface: 'eth0',
  k8s_config_file: '/nowhere/kubeconfig',
} as const;

/** Values that settings with a grammar of their own cannot have. Those that are left out take any text. */
const WRONG_TEXTS: Readonly<Record<string, readonly string[]>> = {
  nodeName: ['two words', '-node', 'knoten_ä'],
  interface: ['eth0/1', 'a-name-that-is-too-long', 'eth0,,eth1'],
  servicesInterface: ['eth 0', '..'],
  leaseNamespace: ['Kube-System', 'kube system', '-'],
  apiServer: ['ftp://192.0.2.1', 'https://', 'http://[::1'],
  prometheusServer: ['2112', ':99999', '::1:80'],
  healthCheckPort: ['80', '-1', 'eighty'],
  logLevel: ['loud', '1.5', '9999'],
  servicesNamespace: ['a/b', 'UPPER'],
  className: ['two words', '/x', 'kube-vip.io/'],
  servicesLeaseName: ['Not A Name', 'a/b/c', '/'],
  raftAddress: ['300.1.1.1', 'node1', '10.0.0.0/8'],
  reformAfter: ['soon', '1s', '-5'],
  groupKeySecret: ['A Secret', '-'],
  controlPlaneAddress: ['300.1.1.1', 'banana', '0.0.0.0', '192.0.2.1;192.0.2.2'],
  vipAddress: ['192.0.2.256', '::g', 'a b'],
  controlPlaneLeaseName: ['plndr_cp_lock', 'a//b'],
  controlPlaneHealthAddress: ['127.0.0.1:8080', 'file:///etc/passwd', 'http:// x'],
};

function wrongValue(key: string, { value }: SettingSpec): fc.Arbitrary<string> | undefined {
  const { kind, allowed } = value;
  if (kind === 'bool') return fc.constantFrom('yes', 'off', '2', 'truee', 'true false', '-1');
  if (kind === 'word') return fc.constantFrom('???', `${allowed.split(',')[0] ?? ''}x`, allowed, ',');
  if (kind === 'duration') return fc.constantFrom('5 s', 'soon', '-1', '1d', '0.01', '2h', '1e3', '15,0');
  if (kind === 'integer') {
    const [min = 0, max = 0] = allowed.split(' to ').map(Number);
    return fc.oneof(
      fc.constantFrom('abc', '1.5', '0x10', '1e3', '9'.repeat(20), '6443/tcp', '--1'),
      fc.constantFrom(`${min - 1}`, `${max + 1}`),
      fc.string({ minLength: 1, unit: fc.constantFrom('a', 'Z', '_', '%', 'ü') }),
    );
  }
  const texts = WRONG_TEXTS[key];
  return texts === undefined ? undefined : fc.constantFrom(...texts);
}

interface Mistake {
  readonly spec: SettingSpec;
  readonly text: string;
}

const mistake: fc.Arbitrary<Mistake> = fc.oneof(
  ...ALL_SETTINGS.flatMap(([key, spec]) => wrongValue(key, spec)?.map((text) => ({ spec, text })) ?? []),
);

/** One run of the command. */
interface Case {
  readonly env: Readonly<Record<string, string>>;
  readonly flags: readonly string[];
  /** Text of a configuration file. */
  readonly file: string | undefined;
  /** What has to be named. */
  readonly named: readonly string[];
}

const mistakes = fc.uniqueArray(mistake, { minLength: 1, maxLength: 3, selector: ({ spec }) => spec.env });

const inEnvironment = mistakes.map(
  (list): Case => ({
    env: Object.fromEntries(list.map(({ spec, text }) => [spec.env, text])),
    flags: [],
    file: undefined,
    named: list.map(({ spec, text }) => `${spec.env}="${shown(spec, text)}"`),
  }),
);

const inFlags = mistake
  .filter(({ spec }) => spec.flag !== undefined && !(spec.env in WORKING))
  .map(
    ({ spec, text }): Case => ({
      env: {},
      flags: [`--${spec.flag}=${text}`],
      file: undefined,
      named: [`--${spec.flag}="${shown(spec, text)}"`],
    }),
  );

const inFile = mistakes
  .map((list) => list.filter(({ spec }) => !(spec.env in WORKING)))
  .filter((list) => list.length > 0)
  .map(
    (list): Case => ({
      env: {},
      flags: [],
      file: list.map(({ spec, text }) => `${spec.env}: ${JSON.stringify(text)}\n`).join(''),
      named: list.map(({ spec, text }, line) => `wrong.yaml:${line + 1}: ${spec.env}="${shown(spec, text)}"`),
    }),
  );

const brokenFile: fc.Arbitrary<Case> = fc
  .constantFrom(
    ['port: [1', 'wrong.yaml:1'],
    ['\tport: 1', 'wrong.yaml:1'],
    ['port: 1\nport: 2', 'wrong.yaml:2'],
    ['"port: 1', 'wrong.yaml:1'],
    ['- port\n- 1', '--config-file='],
    ['port: {deep: 1}', 'wrong.yaml:1: port.deep='],
    ['port: [{a: 1}]', 'wrong.yaml:1: port='],
    ['port: 1\nPORT: 2', 'wrong.yaml:2: PORT='],
    ['\0\0\0', '--config-file='],
  )
  .map(([file = '', name = '']) => ({ env: {}, flags: [], file, named: [name] }));

const besideEachOther: fc.Arbitrary<Case> = fc
  .constantFrom<readonly [Readonly<Record<string, string>>, string]>(
    [{ vip_leaseduration: '5', vip_renewdeadline: '5' }, 'vip_renewdeadline='],
    [{ vip_renewdeadline: '3', vip_retryperiod: '2.9' }, 'vip_retryperiod='],
    [{ vip_arp: 'false' }, 'vip_arp='],
    [{ svc_enable: 'false', cp_enable: 'f' }, 'svc_enable='],
    [{ address: '' }, 'address='],
    [{ fairlead_raft_grant_ms: '100', fairlead_raft_interval_ms: '100' }, 'fairlead_raft_grant_ms='],
    [{ fairlead_raft_address: '192.0.2.1', fairlead_raft_family: 'ipv6' }, 'fairlead_raft_address='],
    [{ fairlead_balance: 'userspace', lb_enable: 'true' }, 'lb_port='],
    [{ config_file: '/nowhere/agent.yaml' }, 'config_file='],
    [{ config_file: '/' }, 'config_file='],
  )
  .map(([env, name]) => ({ env, flags: [], file: undefined, named: [name] }));

const anyCase = fc.oneof(
  { weight: 4, arbitrary: inEnvironment },
  { weight: 1, arbitrary: inFlags },
  { weight: 3, arbitrary: inFile },
  { weight: 1, arbitrary: brokenFile },
  { weight: 1, arbitrary: besideEachOther },
);

function shown({ secret }: SettingSpec, text: string): string {
  return secret === true ? '(hidden)' : text.trim();
}

interface Outcome {
  readonly code: number | string | null | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'fairlead-bad-input-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run({ env, flags, file }: Case, index: number, command = ['manager']): Promise<Outcome> {
  const inFolder = mkdtempSync(join(folder, `${index}-`));
  const path = join(inFolder, 'wrong.yaml');
  if (file !== undefined) writeFileSync(path, file);
  const args = [MAIN, ...command, ...flags, ...(file === undefined ? [] : ['--config-file', path])];
  return spawnNode(args, { ...WORKING, ...env });
}

/** Without anything of this process's environment. */
function spawnNode(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      args,
      // A mistake that is taken for a setting would start an agent: it must find nothing to begin with.
      { env: { PATH: process.env.PATH, KUBECONFIG: '/nowhere/kubeconfig', ...env }, timeout: 60_000 },
      (error, stdout, stderr) => resolve({ code: error === null ? 0 : error.code, stdout, stderr }),
    );
  });
}

it(`${CASES} mistakes: each is named, the command ends with 1 and starts nothing`, {
  timeout: 300_000,
}, async () => {
  const cases = fc.sample(anyCase, { numRuns: CASES, seed: SEED });
  const outcomes: Outcome[] = [];
  const waiting = [...cases.entries()];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, one] = next;
      outcomes[index] = await run(one, index);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  for (const [index, one] of cases.entries()) {
    const { code, stdout, stderr } = outcomes[index] ?? { code: undefined, stdout: '', stderr: '' };
    const context = JSON.stringify({ one, stderr });
    expect(code, context).toBe(1);
    // Not even a line of the log.
    expect(stdout, context).toBe('');
    expect(stderr, context).toMatch(/^(A setting|\d+ settings) cannot be used:\n/);
    expect(stderr, context).not.toMatch(/\bat .*:\d+:\d+\)?$/m);
    for (const name of one.named) expect(stderr, context).toContain(name);
  }
});

interface Other {
  readonly main?: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly named: string;
}

const CLOUD_PROVIDER = fileURLToPath(new URL('../../../cloud-provider/src/main.ts', import.meta.url));

it.each<Other>([
  { args: ['start', '--vip', 'banana', '--localPeer', 'a:192.0.2.1:70000'], named: 'vip="banana"' },
  { args: ['start', '-c', '/nowhere/config.yaml'], named: '--config="/nowhere/config.yaml"' },
  { args: ['service'], env: { svc_namespace: 'A B' }, named: 'svc_namespace="A B"' },
  { args: ['starboard'], env: { iptables_backend: 'x' }, named: 'iptables_backend="x"' },
  { args: ['config', 'check', '--manifest', '/nowhere/pod.yaml'], named: '--manifest="/nowhere/pod.yaml"' },
  { args: ['config', 'show', '--port', '0'], named: '--port="0"' },
  { args: ['manager', '--lesaeName', 'x'], named: 'Did you mean --leaseName?' },
  {
    main: CLOUD_PROVIDER,
    args: ['--port', '99999'],
    env: { KUBEVIP_ENABLE_LOADBALANCERCLASS: 'ja' },
    named: 'KUBEVIP_ENABLE_LOADBALANCERCLASS="ja"',
  },
])('the other commands do likewise: $args $env', async ({ main, args, env = {}, named }) => {
  const outcome = await spawnNode([main ?? MAIN, ...args], env);
  expect(outcome).toMatchObject({ code: 1, stdout: '' });
  expect(outcome.stderr).toContain(named);
  expect(outcome.stderr).not.toMatch(/\bat .*:\d+:\d+\)?$/m);
});

it('without a mistake nothing is said', async () => {
  const one = { env: {}, flags: [], file: 'port: 6443\n', named: [] };
  expect(await run(one, CASES, ['config', 'check'])).toEqual({
    code: 0,
    stdout: 'The manager starts with these settings: 8 given, all others as usual.\n',
    stderr: '',
  });
});

it('secrets are not repeated', async () => {
  const url = 'ftp://admin:geheim@192.0.2.1';
  const one = {
    env: { kubernetes_addr: url, control_plane_health_check_address: url },
    flags: [],
    file: undefined,
    named: [],
  };
  const { code, stdout, stderr } = await run(one, CASES);
  expect(code).toBe(1);
  expect(`${stdout}${stderr}`).not.toContain('geheim');
  expect(stderr).toContain('kubernetes_addr="(hidden)"');
});
