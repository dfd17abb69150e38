// SPDX-License-Identifier: Apache-2.0
/** The whole program on a host outside a cluster, whose kernel has IPVS. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { tally } from './clients.ts';
import { addressOf, IpvsLab, PORTS, SERVERS, VIP } from './ipvs-lab.ts';

const AGENT = fileURLToPath(import.meta.resolve('@fairlead/agent/main.ts'));
const CONFIG = `
vip: ${VIP[4]}
interface: eth0
singleNode: true
balance: ipvs
localPeer: {id: director, address: ${addressOf(21)}, port: 10000}
loadBalancers:
- name: api
  type: tcp
  port: ${PORTS.virtual}
  bindToVip: true
  scheduler: rr
  backends:
${Object.values(SERVERS)
  .map((number) => `  - {address: ${addressOf(number)}, port: ${PORTS.own}}`)
  .join('\n')}
`;

let lab: IpvsLab;

beforeAll(async () => {
  lab = await IpvsLab.start();
  await lab.order({ stop: true });
  await lab.run('director', 'ip', 'address', 'delete', `${VIP[4]}/32`, 'dev', 'lo');
});
afterAll(() => lab?.stop());

it('balances by IPVS what a file says, and leaves nothing behind', async () => {
  // This kernel has no nftables that could keep it silent about the address; nobody else has it here.
  const nft = 'mkdir -p /run/bin; printf "#!/bin/sh\\nexec cat\\n" > /run/bin/nft; chmod +x /run/bin/nft';
  await lab.uml.runOrThrow(['sh', '-ec', `${nft}; cat > /run/config.yaml`], CONFIG);
  const path = `PATH=/run/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;
  const agent = lab.uml.talk([
    ...['ip', 'netns', 'exec', 'director', 'env', path, process.execPath],
    ...[AGENT, 'start', '-c', '/run/config.yaml'],
  ]);
  const log: string[] = [];
  while (!log.at(-1)?.includes('"ready"')) log.push(await agent.line());
  const ask = async () => tally(await lab.ask({ do: 'once', to: VIP[4], port: PORTS.virtual, count: 6 }));
  await expect.poll(ask, { timeout: 60_000 }).toEqual({ master1: 2, master2: 2, master3: 2 });
  expect((await lab.table()).filter((line) => line.startsWith('-A'))).toEqual([
    `-A -t ${VIP[4]}:${PORTS.virtual} -s rr`,
  ]);
  agent.kill('SIGTERM');
  await expect(async () => {
    for (;;) await agent.line();
  }).rejects.toThrow('exit code 0');
  expect(await lab.table()).toEqual([]);
}, 300_000);
