// SPDX-License-Identifier: Apache-2.0
/** Where it is measured: a client, a node that balances, and two nodes with a pod each, on one switch of the lab. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeSideBatch, type PodNetworkPlan, podSideBatch } from '@fairlead/test-lab/kubelet/pod-network.ts';
import { LabNetwork } from '@fairlead/test-lab/network/lab-network.ts';
import { CLIENT, hostOf } from '@fairlead/test-lab/network/plan.ts';
import type { LabProcess } from '@fairlead/test-lab/process/lab-process.ts';
import { waitFor } from '@fairlead/test-lab/wait.ts';
import { type Target, webServerConfig } from './rival-config.ts';

/** The node that balances, and those with pods. */
export const BALANCER = 'worker1';
export const POD_NODES = ['worker2', 'worker3'] as const;
/** Address that the balancing node holds. */
export const VIP = '172.18.0.200';
/** For plain forwarding: the first pod once more, which is reached through the balancing node, and so is the client's own. */
const FORWARDED_POD = '10.244.2.11';
const FORWARDED_CLIENT = '172.18.0.110';
const POD_PORT = 8080;
/** A client has fewer ports than there are connections in a few seconds. */
const PORTS = 'net.ipv4.ip_local_port_range=1024 65535';
/**
 * No host remembers closed connections: behind NAT another one soon has the same port, and is then refused, or not, depending
 * on which case came before.
 */
const NO_TIME_WAIT = 'net.ipv4.tcp_max_tw_buckets=0';

/** One pod with its node. */
export interface BenchPod extends Target {
  readonly node: string;
}

/** The network and the pods; balancers come and go. */
export class Site {
  readonly pods: readonly BenchPod[] = POD_NODES.map((node, index) => ({
    node,
    address: `10.244.${index + 2}.10`,
    port: POD_PORT,
  }));
  readonly network: LabNetwork;
  readonly directory: string;
  readonly #servers: LabProcess[] = [];

  private constructor(network: LabNetwork, directory: string) {
    this.network = network;
    this.directory = directory;
  }

  static async build(): Promise<Site> {
    const network = await LabNetwork.start({ workers: 3, ipv6: false });
    const site = new Site(network, mkdtempSync(join(tmpdir(), 'fairlead-throughput-')));
    try {
      await Promise.all(site.pods.map((pod, index) => site.#startPod(pod, index)));
      await site.#routePlainly();
      await network.exec(BALANCER, ['ip', 'address', 'add', `${VIP}/32`, 'dev', 'lo']);
      for (const host of [CLIENT, BALANCER]) await site.#must(host, ['sysctl', '-qw', PORTS, NO_TIME_WAIT]);
      return site;
    } catch (error) {
      await site.remove();
      throw error;
    }
  }

  /** Where the pods answer without a balancer. */
  get directUrl(): string {
    return `http://${this.pods[0]?.address}:${POD_PORT}/`;
  }

  /** The same, with the balancing node as a router in both directions. */
  get forwardedUrl(): string {
    return `http://${FORWARDED_POD}:${POD_PORT}/`;
  }

  /** Where the balancer answers. */
  get frontUrl(): string {
    return `http://${VIP}/`;
  }

  /** Loads nftables rules on a host. */
  async nft(host: string, script: string): Promise<void> {
    await this.#must(host, ['nft', '-f', '-'], script);
  }

  /** Starts a program on the balancing node with a configuration file of this content. */
  startConfigured(program: readonly string[], config: string): LabProcess {
    const path = join(this.directory, 'balancer.conf');
    writeFileSync(path, config);
    return this.network.spawn(BALANCER, [...program, path]);
  }

  /** The client's neighbour entry and the pods' answers are there before anything is measured. */
  async untilAnswered(url: string, program?: LabProcess): Promise<void> {
    const ask = async () =>
      (await this.network.exec(CLIENT, ['curl', '-sf', '-m', '2', url])).stdout === 'ok\n';
    const programs = [...this.#servers, ...(program === undefined ? [] : [program])];
    const details = () => programs.flatMap(({ stderr }) => stderr).join('\n');
    await waitFor(ask, { what: `an answer of ${url}`, details });
  }

  /** As before any balancer: no rules, and no connection is remembered. */
  async clear(): Promise<void> {
    for (const host of [BALANCER, ...POD_NODES]) {
      await this.network.exec(host, ['nft', 'flush', 'ruleset']);
      await this.network.exec(host, ['conntrack', '-F']);
    }
  }

  async remove(): Promise<void> {
    await this.network.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  async #startPod({ node, address, port }: BenchPod, index: number): Promise<void> {
    const plan: PodNetworkPlan = {
      netns: `${node}-pod`,
      hostLink: `pod${index}`,
      addresses: [{ family: 4, address, gateway: `10.244.${index + 2}.1` }],
    };
    await this.#must(node, ['ip', 'netns', 'add', plan.netns]);
    await this.#must(node, ['ip', '-batch', '-'], nodeSideBatch(plan));
    await this.#must(node, ['ip', '-n', plan.netns, '-batch', '-'], podSideBatch(plan));
    await this.#must(node, ['ip', 'netns', 'exec', plan.netns, 'sysctl', '-qw', NO_TIME_WAIT]);
    const directory = mkdtempSync(join(this.directory, 'pod-'));
    const config = join(directory, 'nginx.conf');
    writeFileSync(config, webServerConfig(port, directory));
    this.#servers.push(this.network.spawn(node, ['ip', 'netns', 'exec', plan.netns, 'nginx', '-c', config]));
  }

  async #routePlainly(): Promise<void> {
    const [node] = POD_NODES;
    const via = hostOf(this.network.plan, BALANCER).ipv4;
    const pod = `${node}-pod`;
    await this.#must(node, ['ip', '-n', pod, 'address', 'add', `${FORWARDED_POD}/32`, 'dev', 'eth0']);
    await this.#must(node, ['ip', 'route', 'add', `${FORWARDED_POD}/32`, 'dev', 'pod0']);
    await this.#must(CLIENT, ['ip', 'address', 'add', `${FORWARDED_CLIENT}/32`, 'dev', 'eth0']);
    const client = [`${FORWARDED_POD}/32`, 'via', via, 'src', FORWARDED_CLIENT];
    await this.#must(CLIENT, ['ip', 'route', 'add', ...client]);
    const pods = this.pods.map(({ address }) => `${address}/32`);
    for (const [index, pod] of pods.entries()) {
      const { ipv4 } = hostOf(this.network.plan, POD_NODES[index] ?? node);
      await this.#must(CLIENT, ['ip', 'route', 'add', pod, 'via', ipv4]);
    }
    await this.#must(node, ['ip', 'route', 'add', `${FORWARDED_CLIENT}/32`, 'via', via]);
    // A router on a wire of one subnet would tell both ends of the shorter way.
    for (const link of ['all', 'eth0'])
      await this.#must(BALANCER, ['sysctl', '-qw', `net.ipv4.conf.${link}.send_redirects=0`]);
  }

  async #must(host: string, argv: readonly string[], stdin?: string): Promise<void> {
    const { code, stderr } = await this.network.exec(host, argv, stdin === undefined ? {} : { stdin });
    if (code !== 0) throw new Error(`${argv.join(' ')} on ${host} ended with ${code}: ${stderr}`);
  }
}
