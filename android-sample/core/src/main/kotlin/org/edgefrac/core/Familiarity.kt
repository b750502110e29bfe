package org.edgefrac.core

import kotlin.math.sqrt

/** Why an image is of another kind than those that the network was trained on: neither answer nor map then counts. */
sealed interface Foreign {
    /** The file is coloured, and radiographs are grey. */
    object Coloured : Foreign

    /** A camera took it, so it shows film or a screen, with perspective and glare. */
    object Photographed : Foreign

    /** It looks unlike the training radiographs: [distance] is beyond [limit]. */
    class Unlike(val distance: Double, val limit: Double) : Foreign
}

/** Asked before the network is: is this an image of the kind that it was trained on? */
class Familiarity(private val contract: Contract, private val display: Display) {
    /** Mahalanobis distance of a network input's appearance from the training radiographs'; null where the model cannot say. */
    fun distance(input: ByteArray): Double? {
        val familiar = contract.familiar ?: return null
        val numbers = Appearance.of(input, contract.input.size)
        val off = DoubleArray(numbers.size) { numbers[it] - familiar.mean[it] }
        val squared = off.indices.sumOf { row -> off[row] * off.indices.sumOf { familiar.precision[row][it] * off[it] } }
        return sqrt(maxOf(0.0, squared))
    }

    fun foreign(radiograph: Radiograph, input: ByteArray): Foreign? {
        if (radiograph.photographed) return Foreign.Photographed
        if (radiograph.chroma > display.coloured) return Foreign.Coloured
        val distance = distance(input) ?: return null
        val limit = contract.familiar?.limit ?: return null
        return if (distance > limit) Foreign.Unlike(distance, limit) else null
    }
}
