// SPDX-License-Identifier: Apache-2.0
import { Lab } from '@fairlead/test-lab/lab.ts';
import { CLIENT } from '@fairlead/test-lab/network/plan.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Console } from './console.ts';

/** The address chosen in the transcripts. */
const VIP = '172.18.0.150';

/** docs/install-kubeadm.md, command by command; two API servers are there when kubeadm is called. */
describe('a control plane with kubeadm', () => {
  let lab: Lab;

  beforeAll(async () => {
    lab = await Lab.start({ workers: 2, certificateHosts: [VIP] });
    await lab.startApiServer('worker1');
    await lab.startApiServer('worker2');
  });

  afterAll(async () => {
    await lab?.stop();
  });

  it('goes as it is written, and goes on without the first node', { timeout: 240_000 }, async () => {
    const own = { '/etc': ['passwd', 'group', 'hosts', 'nsswitch.conf', 'ssl/openssl.cnf'] };
    await new Console({ lab, host: 'worker1', own }).follow('kubeadm.console');
    const second = new Console({ lab, host: 'worker2', own });
    await second.follow('kubeadm-join.console');
    const kubeconfig = second.fileOf('/etc/kubernetes/admin.conf');
    const argv = ['kubectl', '--kubeconfig', kubeconfig, '--request-timeout=2s', 'get', 'nodes'];
    const serves = async () => (await lab.exec(CLIENT, argv, { env: { HOME: lab.workDir } })).code === 0;
    expect(await serves()).toBe(true);
    await lab.kill('worker1');
    await lab.waitFor(serves, { what: `kubectl to get through ${VIP} again`, timeoutMs: 60_000 });
  });
});
