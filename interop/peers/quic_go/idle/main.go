// Many connections that say nothing, over few UDP sockets.
//
//	idle -host 127.0.0.1:4433 -connections 10000 -sockets 4 -alpn h3
//
// Opens them, some at a time, prints "open N", and holds them until a line comes on standard input;
// then closes all and prints "closed N". Exit code 1: some could not be opened, or died meanwhile.
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
)

func open(ctx context.Context, tr *quic.Transport, host, alpn string) (*quic.Conn, error) {
	address, err := net.ResolveUDPAddr("udp", host)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{alpn}}
	return tr.Dial(ctx, address, config, &quic.Config{
		HandshakeIdleTimeout: 20 * time.Second,
		MaxIdleTimeout:       10 * time.Minute,
		// What a client's own memory is must not be what limits the test.
		InitialStreamReceiveWindow:     16 << 10,
		InitialConnectionReceiveWindow: 16 << 10,
		DisablePathMTUDiscovery:        true,
	})
}

func main() {
	host := flag.String("host", "127.0.0.1:4433", "")
	alpn := flag.String("alpn", "h3", "")
	count := flag.Int("connections", 1000, "")
	sockets := flag.Int("sockets", 1, "")
	parallel := flag.Int("parallel", 64, "handshakes at a time")
	flag.Parse()
	ctx := context.Background()
	transports := make([]*quic.Transport, *sockets)
	for i := range transports {
		socket, err := net.ListenUDP("udp", &net.UDPAddr{})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		transports[i] = &quic.Transport{Conn: socket}
	}
	conns := make([]*quic.Conn, *count)
	var failures atomic.Int64
	var wait sync.WaitGroup
	gate := make(chan struct{}, *parallel)
	for i := range conns {
		gate <- struct{}{}
		wait.Go(func() {
			defer func() { <-gate }()
			conn, err := open(ctx, transports[i%*sockets], *host, *alpn)
			if err != nil {
				fmt.Fprintf(os.Stderr, "connection %d: %v\n", i, err)
				failures.Add(1)
				return
			}
			conns[i] = conn
		})
	}
	wait.Wait()
	fmt.Printf("open %d\n", int64(*count)-failures.Load())
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	closed := 0
	for i, conn := range conns {
		if conn == nil {
			continue
		}
		if err := conn.Context().Err(); err != nil {
			fmt.Fprintf(os.Stderr, "connection %d: %v\n", i, context.Cause(conn.Context()))
			failures.Add(1)
			continue
		}
		_ = conn.CloseWithError(0x100, "")
		closed++
	}
	fmt.Printf("closed %d\n", closed)
	if failures.Load() > 0 {
		os.Exit(1)
	}
}
