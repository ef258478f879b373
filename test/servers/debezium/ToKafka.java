import io.debezium.engine.ChangeEvent;
import io.debezium.engine.DebeziumEngine;
import io.debezium.engine.format.JsonByteArray;
import java.io.FileInputStream;
import java.io.InputStream;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * ToKafka PROPERTIES BROKERS TOPIC COUNT: makes the topic and runs one Debezium engine whose records go to Kafka as Debezium's own server sends them: a batch at a
 * time, acknowledged by all replicas before it is done with. After COUNT records it prints what it used, {"cpuSeconds", "maxRssMb"}.
 */
public final class ToKafka {
  public static void main(String[] args) throws Exception {
    Properties properties = new Properties();
    try (InputStream in = new FileInputStream(args[0])) {
      properties.load(in);
    }
    Properties settings = new Properties();
    settings.put("bootstrap.servers", args[1]);
    settings.put("acks", "all");
    try (Admin admin = Admin.create(settings)) {
      admin.createTopics(List.of(new NewTopic(args[2], 6, (short) 1))).all().get();
    }
    KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
    long count = Long.parseLong(args[3]);
    AtomicLong sent = new AtomicLong();
    DebeziumEngine.create(JsonByteArray.class)
        .using(properties)
        .using((success, message, error) -> {
          System.err.println(message);
          if (error != null) error.printStackTrace();
          Runtime.getRuntime().halt(1);
        })
        .notifying((records, committer) -> {
          for (ChangeEvent<byte[], byte[]> record : records)
            producer.send(new ProducerRecord<>(record.destination(), record.key(), record.value()), (place, error) -> {
              if (error == null) return;
              error.printStackTrace();
              Runtime.getRuntime().halt(1);
            });
          producer.flush();
          for (ChangeEvent<byte[], byte[]> record : records) committer.markProcessed(record);
          committer.markBatchFinished();
          if (sent.addAndGet(records.size()) >= count) end();
        })
        .build()
        .run();
  }

  private static void end() {
    try {
      var system = (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
      String peak = Files.readAllLines(Path.of("/proc/self/status")).stream().filter(line -> line.startsWith("VmHWM")).findFirst().orElseThrow();
      long kilobytes = Long.parseLong(peak.replaceAll("\\D", ""));
      System.out.println("{\"cpuSeconds\":" + system.getProcessCpuTime() / 1e9 + ",\"maxRssMb\":" + kilobytes / 1024.0 + "}");
      System.out.flush();
      Runtime.getRuntime().halt(0);
    } catch (java.io.IOException error) {
      throw new java.io.UncheckedIOException(error);
    }
  }
}
