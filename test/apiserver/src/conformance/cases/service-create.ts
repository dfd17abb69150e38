// SPDX-License-Identifier: Apache-2.0
import type { JsonObject } from '../../api/objects.ts';
import type { ConformanceCase } from '../case.ts';
import { create, service, testCase } from './steps.ts';

/** Specifications of Services that are created as they stand, accepted or not. */
const SPECS: Readonly<Record<string, JsonObject>> = {
  minimal: {},
  'no-ports': { ports: [] },
  'port-zero': { ports: [{ port: 0 }, { port: 80 }] },
  'port-too-large': { ports: [{ port: 65_536, targetPort: 65_536 }] },
  'port-names': {
    ports: [
      { port: 80, name: 'A' },
      { port: 81, name: 'b_c' },
      { port: 82, name: 'x' },
      { port: 83, name: 'x' },
    ],
  },
  'port-long-name': { ports: [{ port: 80, name: 'a'.repeat(64) }] },
  'port-duplicate': {
    ports: [
      { port: 80, name: 'a' },
      { port: 80, name: 'b' },
      { port: 80, name: 'c', protocol: 'UDP' },
    ],
  },
  'port-protocol': { ports: [{ port: 80, protocol: 'ICMP' }] },
  'target-port-names': {
    ports: [
      { port: 80, name: 'a', targetPort: 'http' },
      { port: 81, name: 'b', targetPort: 'no--no' },
      { port: 82, name: 'c', targetPort: '-this-is-far-too-long-' },
      { port: 83, name: 'd', targetPort: '8080' },
      { port: 84, name: 'e', targetPort: 'UP' },
    ],
  },
  'app-protocol': {
    ports: [
      { port: 80, name: 'a', appProtocol: 'kubernetes.io/h2c' },
      { port: 81, name: 'b', appProtocol: 'not ok' },
    ],
  },
  'node-port-on-cluster-ip': { ports: [{ port: 80, nodePort: 30_001 }] },
  'node-port': { type: 'NodePort' },
  'node-port-out-of-range': { type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] },
  'node-port-twice': {
    type: 'NodePort',
    ports: [
      { port: 80, name: 'a', nodePort: 30_002 },
      { port: 81, name: 'b', nodePort: 30_002 },
    ],
  },
  'node-port-both-protocols': {
    type: 'NodePort',
    ports: [
      { port: 53, name: 'a', nodePort: 30_003 },
      { port: 53, name: 'b', protocol: 'UDP' },
    ],
  },
  'load-balancer': { type: 'LoadBalancer' },
  'load-balancer-without-node-ports': { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false },
  'load-balancer-asks-for-node-port': {
    type: 'LoadBalancer',
    allocateLoadBalancerNodePorts: false,
    ports: [
      { port: 80, name: 'a', nodePort: 30_004 },
      { port: 81, name: 'b' },
    ],
  },
  'load-balancer-local': { type: 'LoadBalancer', externalTrafficPolicy: 'Local' },
  'load-balancer-local-health-port': {
    type: 'LoadBalancer',
    externalTrafficPolicy: 'Local',
    healthCheckNodePort: 30_005,
  },
  'load-balancer-local-health-port-out-of-range': {
    type: 'LoadBalancer',
    externalTrafficPolicy: 'Local',
    healthCheckNodePort: 33,
  },
  'load-balancer-class': { type: 'LoadBalancer', loadBalancerClass: 'kube-vip.io/kube-vip-class' },
  'load-balancer-class-wrong': { type: 'LoadBalancer', loadBalancerClass: 'a b/c d' },
  'load-balancer-ip-banana': { type: 'LoadBalancer', loadBalancerIP: 'banana' },
  'load-balancer-headless': { type: 'LoadBalancer', clusterIP: 'None' },
  'source-ranges': { type: 'LoadBalancer', loadBalancerSourceRanges: ['10.0.0.0/8', ' 192.168.0.0/16 '] },
  'source-ranges-wrong': {
    type: 'LoadBalancer',
    loadBalancerSourceRanges: ['10.0.0.1/8', 'banana', '10.0.0.0/33', 'fd00::/64', '010.0.0.0/8'],
  },
  'source-ranges-elsewhere': { loadBalancerSourceRanges: ['10.0.0.0/8'] },
  'only-for-load-balancers': {
    allocateLoadBalancerNodePorts: true,
    loadBalancerClass: 'a.b/c',
    externalTrafficPolicy: 'Local',
    healthCheckNodePort: 30_006,
  },
  'traffic-policies': {
    type: 'NodePort',
    externalTrafficPolicy: 'Sometimes',
    internalTrafficPolicy: 'Never',
  },
  'traffic-distribution': { trafficDistribution: 'PreferClose' },
  'traffic-distribution-wrong': { trafficDistribution: 'PreferFar' },
  'external-ips': { externalIPs: ['198.51.100.7', 'fd00::7'] },
  'external-ips-wrong': {
    externalIPs: [
      'banana',
      '127.0.0.1',
      '0.0.0.0',
      '169.254.1.1',
      '224.0.0.5',
      '010.1.1.1',
      '::ffff:1.2.3.4',
    ],
  },
  'external-name': { type: 'ExternalName', externalName: 'example.com.', ports: [] },
  'external-name-wrong': { type: 'ExternalName', externalName: 'Exa mple', ports: [] },
  'external-name-missing': { type: 'ExternalName' },
  'external-name-with-address': {
    type: 'ExternalName',
    externalName: 'a.b',
    clusterIP: '10.96.0.20',
    ipFamilies: ['IPv4'],
    ipFamilyPolicy: 'SingleStack',
  },
  'type-wrong': { type: 'Balancer' },
  'session-affinity': { sessionAffinity: 'ClientIP' },
  'session-affinity-timeout': {
    sessionAffinity: 'ClientIP',
    sessionAffinityConfig: { clientIP: { timeoutSeconds: 86_401 } },
  },
  'session-affinity-zero': {
    sessionAffinity: 'ClientIP',
    sessionAffinityConfig: { clientIP: { timeoutSeconds: 0 } },
  },
  'session-affinity-wrong': { sessionAffinity: 'Cookie' },
  'session-affinity-unused': {
    sessionAffinity: 'None',
    sessionAffinityConfig: { clientIP: { timeoutSeconds: 5 } },
  },
  'selector-wrong': { selector: { 'a b': 'c', d: 'e f' } },
  'publish-not-ready': { publishNotReadyAddresses: true, selector: { a: 'b' } },
  'cluster-ip': { clusterIP: '10.96.0.21' },
  'cluster-ip-taken': { clusterIP: '10.96.0.1' },
  'cluster-ip-outside': { clusterIP: '192.0.2.1' },
  'cluster-ip-network': { clusterIP: '10.96.0.0' },
  'cluster-ip-wrong': { clusterIP: 'banana' },
  'cluster-ip-leading-zero': { clusterIP: '010.96.0.22' },
  'cluster-ips-only': { clusterIPs: ['10.96.0.23'] },
  'cluster-ips-differ': { clusterIP: '10.96.0.24', clusterIPs: ['10.96.0.25'] },
  'cluster-ips-three': {
    clusterIP: '10.96.0.26',
    clusterIPs: ['10.96.0.26', 'fd00:10:96::26', '10.96.0.27'],
  },
  'cluster-ips-same-family': {
    clusterIP: '10.96.0.28',
    clusterIPs: ['10.96.0.28', '10.96.0.29'],
    ipFamilyPolicy: 'RequireDualStack',
  },
  'cluster-ips-single-policy': { clusterIP: '10.96.0.30', clusterIPs: ['10.96.0.30', 'fd00:10:96::30'] },
  'cluster-ips-dual': {
    clusterIP: 'fd00:10:96::31',
    clusterIPs: ['fd00:10:96::31', '10.96.0.31'],
    ipFamilyPolicy: 'PreferDualStack',
  },
  'cluster-ip-v6': { clusterIP: 'fd00:10:96::32' },
  'cluster-ip-family-mismatch': { clusterIP: 'fd00:10:96::33', ipFamilies: ['IPv4'] },
  headless: { clusterIP: 'None', selector: { a: 'b' } },
  'headless-without-selector': { clusterIP: 'None' },
  'headless-and-more': { clusterIP: 'None', clusterIPs: ['None', '10.96.0.34'] },
  'headless-without-ports': { clusterIP: 'None', selector: { a: 'b' }, ports: [] },
  'family-v6': { ipFamilies: ['IPv6'] },
  'families-without-policy': { ipFamilies: ['IPv4', 'IPv6'] },
  'families-wrong': { ipFamilies: ['IPv5'] },
  'families-twice': { ipFamilies: ['IPv4', 'IPv4'], ipFamilyPolicy: 'PreferDualStack' },
  'policy-prefer': { ipFamilyPolicy: 'PreferDualStack' },
  'policy-require': { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv6'] },
  'policy-wrong': { ipFamilyPolicy: 'TripleStack' },
};

/** Creation of Services. */
export const SERVICE_CREATE_CASES: readonly ConformanceCase[] = Object.entries(SPECS).map(([name, spec]) =>
  testCase(`service-create-${name}`, create('services', service('web', spec))),
);
