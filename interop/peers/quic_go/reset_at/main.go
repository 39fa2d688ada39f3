// Streams that are reset behind their beginning (RESET_STREAM_AT, which quic-go calls partial
// delivery), to a server and from it; prints JSON.
//
//	reset_at -address 127.0.0.1:4433 -total 100000 -reliable 30000 -code 7
//
// Over ALPN "reset-at": a first stream asks the server for `send TOTAL RELIABLE CODE`, and is read to
// its reset. On a second one we send as much ourselves, "take" in front of it, and reset it likewise.
package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/quic-go/quic-go"
)

type report struct {
	Supported bool   `json:"supported"` // by the server
	Bytes     int64  `json:"bytes"`
	Sha256    string `json:"sha256"`
	Code      uint64 `json:"code"` // of the reset
	Error     string `json:"error,omitempty"`
}

// The same bytes as the server's: a counter's low octet.
func pattern(length int) []byte {
	bytes := make([]byte, length)
	for i := range bytes {
		bytes[i] = byte(i / 7)
	}
	return bytes
}

func receive(stream io.Reader, out *report) error {
	hash := sha256.New()
	bytes, err := io.Copy(hash, stream)
	out.Bytes, out.Sha256 = bytes, hex.EncodeToString(hash.Sum(nil))
	var reset *quic.StreamError
	if !errors.As(err, &reset) || !reset.Remote {
		return fmt.Errorf("no reset, but: %v", err)
	}
	out.Code = uint64(reset.ErrorCode)
	return nil
}

func run(ctx context.Context, address string, total, reliable, code int, out *report) error {
	config := &quic.Config{EnableStreamResetPartialDelivery: true}
	tls := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"reset-at"}}
	conn, err := quic.DialAddr(ctx, address, tls, config)
	if err != nil {
		return err
	}
	defer func() { _ = conn.CloseWithError(0, "") }()
	out.Supported = conn.ConnectionState().SupportsStreamResetPartialDelivery.Remote

	stream, err := conn.OpenStreamSync(ctx)
	if err != nil {
		return err
	}
	_ = stream.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := fmt.Fprintf(stream, "send %d %d %d\n", total, reliable, code); err != nil {
		return err
	}
	if err := stream.Close(); err != nil {
		return err
	}
	if err := receive(stream, out); err != nil {
		return err
	}

	ours, err := conn.OpenStreamSync(ctx)
	if err != nil {
		return err
	}
	data := pattern(total)
	if _, err := ours.Write(append([]byte("take\n"), data[:reliable]...)); err != nil {
		return err
	}
	ours.SetReliableBoundary()
	if _, err := ours.Write(data[reliable:]); err != nil {
		return err
	}
	ours.CancelWrite(quic.StreamErrorCode(code))
	// The server says that it has seen the end of it.
	_ = ours.SetReadDeadline(time.Now().Add(10 * time.Second))
	_, err = io.ReadAll(ours)
	return err
}

func main() {
	var out report
	address := flag.String("address", "127.0.0.1:4433", "")
	total := flag.Int("total", 100_000, "bytes that are written")
	reliable := flag.Int("reliable", 30_000, "of them, how many arrive for sure")
	code := flag.Int("code", 7, "of the reset")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := run(ctx, *address, *total, *reliable, *code, &out); err != nil {
		out.Error = err.Error()
	}
	_ = json.NewEncoder(os.Stdout).Encode(out)
	if out.Error != "" {
		os.Exit(1)
	}
}
