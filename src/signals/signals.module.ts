import { Module } from '@nestjs/common';
import { openNetworkData } from './network-data.js';

/** `NetworkData`: what open data says of an address. */
export const NETWORKS = Symbol('networks');

@Module({ providers: [{ provide: NETWORKS, useFactory: openNetworkData }], exports: [NETWORKS] })
export class SignalsModule {}
