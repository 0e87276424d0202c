#!/bin/sh
exec plumb serve
