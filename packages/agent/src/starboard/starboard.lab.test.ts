// SPDX-License-Identifier: Apache-2.0
import { execFile, execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CONFIG_MAPS, EVENTS } from '@fairlead/shared/kubernetes/resources.ts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../announce/lab/wire.ts';
import type { IptablesBackend } from '../system/iptables.ts';
import { buildSite, type Program, type Site, type SiteNode } from './testing/site.ts';

const MANIFEST = fileURLToPath(new URL('../../../../deploy/starboard.yaml', import.meta.url));
const NAMESPACE = 'kube-system';
const POOL = '10.77.200.0/29';
/** In the pool. The node has it, as its owner would. */
const ADDRESS = '10.77.200.3';

const rule = (cidr: string, keys: string) =>
  `-A PREROUTING -d ${cidr} -m comment --comment "fairlead starboard [${keys}]" -j ACCEPT`;
const KUBE_PROXY = '-A PREROUTING -j KUBE-SERVICES';

let site: Site;
let program: Program | undefined;

async function setPools(data: Readonly<Record<string, string>>, name = 'kubevip'): Promise<void> {
  const metadata = { namespace: NAMESPACE, name };
  await removePools(name);
  await site.admin.create(CONFIG_MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { ...data } });
}

async function removePools(name = 'kubevip'): Promise<void> {
  const { items } = await site.admin.list(CONFIG_MAPS, { namespace: NAMESPACE });
  if (items.some(({ metadata }) => metadata?.name === name)) {
    await site.admin.remove(CONFIG_MAPS, { namespace: NAMESPACE, name });
  }
}

/** As kube-proxy in its mode `iptables` has it: everything leads to its chain, which sends this address elsewhere. */
function addKubeProxy(node: SiteNode): void {
  node.nat(4, '-N', 'KUBE-SERVICES');
  node.nat(4, '-A', 'PREROUTING', '-j', 'KUBE-SERVICES');
  const redirect = ['-d', ADDRESS, '-p', 'tcp', '--dport', '80', '-j', 'REDIRECT', '--to-ports', '8081'];
  node.nat(4, '-A', 'KUBE-SERVICES', ...redirect);
}

/** Who answers at the address: our data plane on the port itself, kube-proxy's endpoint where that one sends it. */
const SERVERS = `
const { createServer } = require('node:http');
createServer((_, response) => response.end('data plane')).listen(80);
createServer((_, response) => response.end('kube-proxy')).listen(8081);
`;

/** What starboard hears of an agent with this data plane on its node. */
const statusOf = (dataPlane: string) => `
const report = JSON.stringify({ node: 'n', well: true, addresses: [], members: [], dataPlane: '${dataPlane}' });
require('node:http').createServer((_, response) => response.end(report)).listen({ path: '\\0fairlead-agent-status' });
`;

/** Asked from outside the node, over the wire. */
function whoAnswers(): string {
  return execFileSync('curl', ['-s', '--max-time', '5', `http://${ADDRESS}/`], { encoding: 'utf8' });
}

async function end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
  program?.child.kill(signal);
  const code = await program?.exited;
  program = undefined;
  return code ?? null;
}

const rulesOf = (node: SiteNode, family: 4 | 6 = 4) =>
  node.rules(family).filter((line) => line !== KUBE_PROXY);

beforeAll(async () => {
  site = await buildSite({ nft: 'nft', legacy: 'legacy' });
  // The API server is in this process.
  await promisify(execFile)('kubectl', ['--kubeconfig', site.kubeconfig, 'apply', '-f', MANIFEST]);
  for (const name of ['nft', 'legacy']) {
    const node = site.node(name);
    node.run('ip', 'address', 'add', `${ADDRESS}/32`, 'dev', 'lo');
    addKubeProxy(node);
    node.startScript(SERVERS);
  }
});
afterAll(() => site.remove());

describe.each<IptablesBackend>(['nft', 'legacy'])('starboard with the back end %s', (backend) => {
  let node: SiteNode;
  beforeAll(async () => {
    node = site.node(backend);
    execFileSync('ip', ['route', 'replace', ADDRESS, 'via', `10.77.0.${backend === 'nft' ? 10 : 11}`]);
    await eventually(
      () => {
        try {
          return whoAnswers();
        } catch {
          return '';
        }
      },
      (text) => text === 'kube-proxy',
    );
  });
  afterEach(async () => {
    await end();
    for (const name of ['kubevip', 'plndr']) await removePools(name);
  });

  it('has what comes for the pools skip kube-proxy, until it ends', async () => {
    await setPools({ 'cidr-global': POOL });
    program = node.start();
    await eventually(
      () => rulesOf(node),
      (rules) => rules.length === 1,
    );
    expect(node.rules()).toEqual([rule(POOL, 'cidr-global'), KUBE_PROXY]);
    expect(whoAnswers()).toBe('data plane');
    expect(program.log).toContainEqual(expect.objectContaining({ case: 'cuts-off', backend }));
    expect(await end()).toBe(0);
    expect(node.rules()).toEqual([KUBE_PROXY]);
    expect(whoAnswers()).toBe('kube-proxy');
  });

  it('follows the ConfigMap: fewest prefixes, both families, bad values skipped, all gone with it', async () => {
    await setPools({ 'cidr-global': POOL }, 'plndr');
    program = node.start();
    await eventually(
      () => rulesOf(node),
      (rules) => rules.length === 1,
    );
    await setPools({
      'range-global': '10.77.200.10-10.77.200.20,2001:db8::10-2001:db8::1f',
      'cidr-dev': '10.77.201.0/25,10.77.201.128/25',
      'cidr-bad': 'banana',
      'cidr-all': '0.0.0.0/0',
      'cidr-some': '127.0.0.0/30,10.77.202.7/32',
    });
    await eventually(
      () => rulesOf(node),
      (rules) => rules.length === 6,
    );
    expect(rulesOf(node)).toEqual([
      rule('10.77.200.10/31', 'range-global'),
      rule('10.77.200.12/30', 'range-global'),
      rule('10.77.200.16/30', 'range-global'),
      rule('10.77.200.20/32', 'range-global'),
      rule('10.77.201.0/24', 'cidr-dev'),
      rule('10.77.202.7/32', 'cidr-some'),
    ]);
    await eventually(
      () => rulesOf(node, 6),
      (rules) => rules.length > 0,
    );
    expect(node.rules(6)).toEqual([rule('2001:db8::10/124', 'range-global')]);
    const { log } = program;
    for (const key of ['cidr-bad=banana', 'cidr-all=0.0.0.0/0', 'cidr-some=127.0.0.0/30']) {
      const warnings = () => log.filter(({ level, msg }) => level === 'warn' && String(msg).startsWith(key));
      await eventually(warnings, (lines) => lines.length === 1);
    }
    // The predecessor's is in use again, then nothing is.
    await removePools();
    await eventually(
      () => rulesOf(node),
      (rules) => rules.length === 1,
    );
    await removePools('plndr');
    await eventually(
      () => [...rulesOf(node), ...rulesOf(node, 6)],
      (rules) => rules.length === 0,
    );
    expect(program.child.exitCode).toBe(null);
  });

  it('repairs what others do to its rules, and leaves theirs alone', async () => {
    await setPools({ 'cidr-global': POOL, 'cidr-dev': '10.77.203.0/28' });
    program = node.start();
    const wanted = [rule(POOL, 'cidr-global'), rule('10.77.203.0/28', 'cidr-dev'), KUBE_PROXY];
    const inOrder = (rules: readonly string[]) =>
      [...rules.slice(0, 2)].sort().join() === [...wanted.slice(0, 2)].sort().join();
    const isWell = (rules: readonly string[]) =>
      rules.length === wanted.length && inOrder(rules) && rules.at(-1) === KUBE_PROXY;
    await eventually(() => node.rules(), isWell);
    const { log } = program;
    const repairs = () => log.filter(({ msg }) => String(msg).endsWith('were repaired')).length;
    const ours = `-d ${POOL} -m comment --comment "fairlead starboard [cidr-global]" -j ACCEPT`;
    const edits = [
      '-D PREROUTING 1',
      `-I PREROUTING 1 -d ${POOL} -m comment --comment "kube-vip rule for [cidr-old]" -j ACCEPT`,
      `-A PREROUTING ${ours}`,
      `-R PREROUTING 1 -i lo ${ours}`,
    ];
    for (const edit of edits) {
      const before = repairs();
      node.feed(`*nat\n${edit}\nCOMMIT\n`, `iptables-${backend}-restore`, '--noflush');
      await eventually(repairs, (count) => count > before);
      await eventually(() => node.rules(), isWell);
    }
    // One of somebody else takes the first place: it stays, behind ours.
    const foreign = ['-d', '192.0.2.1/32', '-j', 'RETURN'];
    node.nat(4, '-I', 'PREROUTING', '1', ...foreign);
    await eventually(
      () => node.rules(),
      (rules) => rules.length === 4 && inOrder(rules),
    );
    expect(node.rules()[2]).toBe(`-A PREROUTING ${foreign.join(' ')}`);
    node.nat(4, '-D', 'PREROUTING', ...foreign);
    // All is flushed.
    node.nat(4, '-F', 'PREROUTING');
    await eventually(
      () => node.rules(),
      (rules) => rules.length === 2,
    );
    node.nat(4, '-A', 'PREROUTING', '-j', 'KUBE-SERVICES');
  });

  it("takes over the peer's rules and what a killed run has left, in both back ends", async () => {
    const peers = ['-m', 'comment', '--comment', 'kube-vip rule for [cidr-global]', '-j', 'ACCEPT'];
    node.nat(4, '-I', 'PREROUTING', '1', '-d', POOL, ...peers);
    node.nat(6, '-A', 'PREROUTING', '-d', '2001:db8:5::/64', ...peers);
    const other = backend === 'nft' ? 'legacy' : 'nft';
    node.run(`iptables-${other}`, '-t', 'nat', '-A', 'PREROUTING', '-d', '10.77.204.0/30', ...peers);
    await setPools({ 'cidr-global': POOL });
    program = node.start();
    await eventually(
      () => rulesOf(node),
      (rules) => rules.join() === rule(POOL, 'cidr-global'),
    );
    await eventually(
      () => [...node.rules(6), ...node.rules(4, other)],
      (rules) => rules.length === 0,
    );
    await end('SIGKILL');
    expect(rulesOf(node)).toHaveLength(1);
    await setPools({ 'cidr-global': '10.77.205.0/28' });
    program = node.start();
    await eventually(
      () => rulesOf(node),
      (rules) => rules.join() === rule('10.77.205.0/28', 'cidr-global'),
    );
  });

  it('refuses where the agent leaves traffic to kube-proxy, unless forced', async () => {
    await setPools({ 'cidr-global': POOL });
    // What the agent itself says counts, whatever the settings of starboard say.
    const agent = node.startScript(statusOf('nftables'));
    const isThere = (text: string) => text.includes('@fairlead-agent-status');
    await eventually(() => node.run('ss', '-xl'), isThere);
    program = node.start({ fairlead_balance: 'none' });
    await eventually(
      () => rulesOf(node).length,
      (count) => count === 1,
    );
    await end();
    agent.kill();
    await eventually(
      () => agent.signalCode,
      (signal) => signal !== null,
    );
    const other = node.startScript(statusOf('none'));
    await eventually(() => node.run('ss', '-xl'), isThere);
    program = node.start({ fairlead_balance: 'nftables' });
    expect(await program.exited).toBe(3);
    other.kill();
    expect(node.rules()).toEqual([KUBE_PROXY]);
    const { items } = await site.admin.list(EVENTS, { namespace: NAMESPACE });
    const about = items.filter(({ message }) => message?.startsWith(`node ${backend}:`));
    expect(about).toMatchObject([{ reason: 'StarboardRefused', involvedObject: { name: 'kubevip' } }]);
    expect(about[0]?.message).toContain('fairlead_balance=none');
    program = node.start({ fairlead_balance: 'none' }, ['--force']);
    await eventually(
      () => rulesOf(node).length,
      (count) => count === 1,
    );
  });

  it('writes a thousand prefixes', async () => {
    const cidrs = Array.from({ length: 1_000 }, (_, index) => `10.78.${index >> 6}.${(index & 63) * 4}/31`);
    await setPools({ 'cidr-global': cidrs.join(',') });
    program = node.start();
    await eventually(
      () => rulesOf(node).length,
      (count) => count === 1_000,
    );
    expect(await end()).toBe(0);
    expect(node.rules()).toEqual([KUBE_PROXY]);
  });
});
