// SPDX-License-Identifier: Apache-2.0
/**
 * Cold start and memory of the two bundled programs: from exec to the first 200 of /readyz, and the resident set a
 * little later, beside the bare runtime. Both run as in their images (flags, environment, code compiled before) and as in a
 * Pod, with a service account's token, in private namespaces against the API server of a lab.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect } from '@fairlead/shared/kubernetes/connect.ts';
import { Lab } from '@fairlead/test-lab/lab.ts';
import { ensureLabNamespace } from '@fairlead/test-lab/namespace.ts';
import { buildPrograms } from '../../../scripts/build.ts';
import { IMAGES, type ImageName } from '../../../scripts/image/images.ts';
import { type Benchmark, type BenchmarkResult, median } from './benchmark.ts';
import { furnishServiceAccount } from './scale/service-account.ts';

const ROUNDS = 5;
/** Memory is read this long after readiness: the start is over, the first garbage collections have happened. */
const SETTLE_MS = 3_000;
const AFTER_SCRAPE_MS = 500;
const root = fileURLToPath(new URL('../../..', import.meta.url));

interface Sample {
  readonly readyMs: number;
  /** Processor time of all its threads up to then: what a busy machine does not change. */
  readonly cpuMs: number;
  readonly rssMB: number;
  /** After the first scrape of /metrics, which loads what serves it. Bare runtime: the same as `rssMB`. */
  readonly scrapedMB: number;
}

interface Subject {
  readonly name: string;
  readonly host: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Port of /readyz on the host; undefined for the bare runtime, which is ready when it prints a line. */
  readonly readyPort?: number;
}

function residentMB(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  if (kilobytes === undefined) throw new Error(`process ${pid} shows no resident memory`);
  return Number(kilobytes) / 1024;
}

/** User and system time of a process; the kernel counts in hundredths of a second. */
function processorMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const [user, system] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13);
  return (Number(user) + Number(system)) * 10;
}

function answers(address: string, port: number, path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get({ host: address, port, path, agent: false, timeout: 500 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('error', () => resolve(false));
    request.on('timeout', () => request.destroy());
  });
}

async function whenReady(child: ChildProcess, subject: Subject, address: string): Promise<void> {
  if (subject.readyPort === undefined) {
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    return;
  }
  while (!(await answers(address, subject.readyPort, '/readyz'))) {
    if (child.exitCode !== null)
      throw new Error(`${subject.name} ended with ${child.exitCode} before it was ready`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

async function measure(lab: Lab, subject: Subject): Promise<Sample> {
  const address = lab.plan.hosts.find(({ name }) => name === subject.host)?.ipv4 ?? '';
  const startedMs = performance.now();
  // nsenter replaces itself by the program, so the process ID is the program's.
  const child = spawn('nsenter', [`--net=/run/netns/${subject.host}`, ...subject.argv], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, ...subject.env },
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  try {
    await whenReady(child, subject, address);
    const readyMs = performance.now() - startedMs;
    const pid = child.pid ?? 0;
    const cpuMs = processorMs(pid);
    child.stdout?.resume();
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const rssMB = residentMB(pid);
    if (subject.readyPort !== undefined) {
      if (!(await answers(address, subject.readyPort, '/metrics')))
        throw new Error(`${subject.name}: no metrics`);
      await new Promise((resolve) => setTimeout(resolve, AFTER_SCRAPE_MS));
    }
    return { readyMs, cpuMs, rssMB, scrapedMB: residentMB(pid) };
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
}

function subjects(lab: Lab, compileCache: string): readonly Subject[] {
  const node = process.execPath;
  const [host = '', port = ''] = lab.plan.apiServer.split(':');
  const program = (name: ImageName): string[] => {
    const { bundle, nodeFlags } = IMAGES[name];
    return [node, ...nodeFlags, `${root}packages/${name}/dist/${bundle}`];
  };
  const environment = (name: ImageName): Record<string, string> => ({
    ...IMAGES[name].env,
    NODE_COMPILE_CACHE: compileCache,
    ...inPod,
  });
  const inPod = { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port };
  return [
    {
      name: 'bareNode',
      host: 'worker1',
      argv: [node, '-e', 'console.log("up"); setInterval(() => {}, 1000)'],
      env: {},
    },
    {
      name: 'cloudProvider',
      host: 'control-plane',
      argv: program('cloud-provider'),
      env: environment('cloud-provider'),
      readyPort: 10258,
    },
    {
      name: 'agent',
      host: 'worker1',
      argv: [...program('agent'), 'manager'],
      env: {
        ...environment('agent'),
        vip_arp: 'true',
        vip_interface: 'eth0',
        vip_nodename: 'worker1',
        svc_enable: 'true',
        svc_election: 'true',
        prometheus_server: ':2112',
        fairlead_balance: 'nftables',
      },
      readyPort: 2112,
    },
  ];
}

/** A service account with all rights, and its files where a Pod has them. */
async function becomePod(lab: Lab): Promise<void> {
  const kubectl = async (...args: string[]): Promise<void> => {
    const { code, stderr } = await lab.kubectl(args);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
  };
  await kubectl('create', 'serviceaccount', 'bench', '-n', 'kube-system');
  await kubectl(
    ...['create', 'clusterrolebinding', 'bench', '--clusterrole=cluster-admin'],
    '--serviceaccount=kube-system:bench',
  );
  const config = JSON.parse(readFileSync(lab.kubeconfig, 'utf8')) as {
    clusters: [{ cluster: { 'certificate-authority-data': string } }];
  };
  const authority = Buffer.from(config.clusters[0].cluster['certificate-authority-data'], 'base64');
  const admin = await connect({ kubeconfig: lab.kubeconfig });
  try {
    await furnishServiceAccount(admin, { namespace: 'kube-system', name: 'bench' }, authority);
  } finally {
    admin.close();
  }
}

async function run(say: (text: string) => void): Promise<BenchmarkResult> {
  await buildPrograms();
  const lab = await Lab.start({ workers: 1 });
  const compileCache = mkdtempSync(join(tmpdir(), 'fairlead-compile-cache-'));
  try {
    await becomePod(lab);
    // Not measured: fills the compile cache, and forms the group of agents, which waits for others.
    for (const subject of subjects(lab, compileCache)) await measure(lab, subject);
    const samples = new Map<string, Sample[]>();
    // One after the other within a round: a slow phase of the machine then hits all of them.
    for (let round = 1; round <= ROUNDS; round += 1) {
      say(`round ${round} of ${ROUNDS}`);
      for (const subject of subjects(lab, compileCache)) {
        const sample = await measure(lab, subject);
        samples.set(subject.name, [...(samples.get(subject.name) ?? []), sample]);
      }
    }
    const figures: Record<string, Sample & { rounds: number }> = {};
    for (const [name, list] of samples) {
      const middle = (of: (sample: Sample) => number): number => Math.round(median(list.map(of)));
      figures[name] = {
        readyMs: middle(({ readyMs }) => readyMs),
        cpuMs: middle(({ cpuMs }) => cpuMs),
        rssMB: middle(({ rssMB }) => rssMB),
        scrapedMB: middle(({ scrapedMB }) => scrapedMB),
        rounds: list.length,
      };
    }
    const rows = Object.entries(figures).map(([name, { readyMs, cpuMs, rssMB, scrapedMB }]) => [
      ...[name, String(readyMs), String(cpuMs), String(rssMB), String(scrapedMB)],
    ]);
    const head = [
      'program',
      'ready, ms (median)',
      'of processors, ms',
      'RSS, MB (median)',
      'RSS after a scrape',
    ];
    return { figures, table: [head, ...rows] };
  } finally {
    await lab.stop();
    rmSync(compileCache, { recursive: true });
  }
}

/** Cold start and memory, beside the bare runtime in the same run. */
export const footprint: Benchmark = {
  name: 'footprint',
  about: 'cold start to ready and memory of both bundled programs',
  run: async (say) => {
    await ensureLabNamespace();
    return await run(say);
  },
};
